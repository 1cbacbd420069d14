// SPDX-License-Identifier: Apache-2.0
#include "gate/notify/webhook.h"

#include <fmt/core.h>
#include <httplib.h>

#include <cmath>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/http_url.h"
#include "base/strings.h"
#include "base/terminal_text.h"

namespace memwhy::gate {
namespace {

// Seconds; a date is not understood and waits as long as without the header.
std::optional<double> RetryAfter(const httplib::Response& response) {
  const auto seconds = ParseUint(Trim(response.get_header_value("Retry-After")));
  if (!seconds) return std::nullopt;
  return static_cast<double>(*seconds);
}

bool MayPass(int status) { return status == 429 || status >= 500; }

}  // namespace

Result<void> PostJson(const std::string& url, const std::string& body,
                      const WebhookOptions& options) {
  MEMWHY_TRY(const HttpUrl address, ParseHttpUrl(url, "the webhook"));
  httplib::Client client(address.origin);
  if (!client.is_valid()) return Error("no client for " + EscapeName(address.host));
  const auto whole = static_cast<time_t>(options.timeout_s);
  client.set_connection_timeout(whole);
  client.set_read_timeout(whole);
  client.set_write_timeout(whole);
  client.set_follow_location(false);
  std::string last;
  double backoff_s = 1;
  for (int attempt = 1; attempt <= options.attempts; ++attempt) {
    const auto answer = client.Post(address.path, body, "application/json");
    double wait_s = backoff_s;
    backoff_s *= 2;
    if (answer) {
      if (answer->status >= 200 && answer->status < 300) return {};
      last = fmt::format("{} answered {}", EscapeName(address.host), answer->status);
      if (!MayPass(answer->status)) return Error(last);
      if (const auto asked = RetryAfter(*answer)) wait_s = *asked;
      if (wait_s > options.longest_wait_s) {
        return Error(fmt::format("{} and asks to wait {}", last, FormatSeconds(wait_s)));
      }
    } else {
      last = fmt::format("{} cannot be reached ({})", EscapeName(address.host),
                         httplib::to_string(answer.error()));
    }
    if (attempt == options.attempts) break;
    if (options.sleep) {
      options.sleep(wait_s);
    } else {
      RealClock().SleepNs(static_cast<std::uint64_t>(wait_s * 1e9));
    }
  }
  return Error(fmt::format("{}, {} times", last, options.attempts));
}

std::string AlertsUrl(const std::string& url) {
  constexpr std::string_view kPath = "/api/v2/alerts";
  if (Contains(url, kPath)) return url;
  return EndsWith(url, "/") ? url.substr(0, url.size() - 1) + std::string(kPath)
                            : url + std::string(kPath);
}

}  // namespace memwhy::gate
