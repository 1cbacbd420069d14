// SPDX-License-Identifier: Apache-2.0
#include "govern/actuators/http.h"

#include <httplib.h>

#include <nlohmann/json.hpp>

#include "base/terminal_text.h"
#include "govern/actuators/limit_text.h"

namespace memwhy::govern {
namespace {

constexpr std::size_t kMaxHttpAnswer = 1 << 20;

}  // namespace

Result<std::string> SendKnob(const HttpKnob& knob) {
  httplib::Client client(knob.url.origin);
  const std::string host = EscapeName(knob.url.host);
  if (!client.is_valid()) return Error::Of("no client for {}", host);
  const auto seconds = static_cast<time_t>(knob.timeout_ms / 1000);
  const auto micros = static_cast<time_t>(knob.timeout_ms % 1000 * 1000);
  client.set_connection_timeout(seconds, micros);
  client.set_read_timeout(seconds, micros);
  client.set_write_timeout(seconds, micros);
  client.set_follow_location(false);
  httplib::Request request;
  request.method = knob.method;
  request.path = knob.url.path;
  if (!knob.body.empty()) {
    request.body = knob.body;
    request.set_header("Content-Type", "application/json");
  }
  if (!knob.token.empty()) request.set_header("Authorization", "Bearer " + knob.token);
  std::string body;
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    body.append(data, size);
    return body.size() <= kMaxHttpAnswer;
  };
  const auto answer = client.send(request);
  if (!answer) {
    return Error::Of("{} cannot be reached ({})", host, httplib::to_string(answer.error()));
  }
  if (answer->status < 200 || answer->status > 299) {
    return Error::Of("{} answered {}", host, answer->status);
  }
  return body;
}

HttpActuator::HttpActuator(HttpKnob write, HttpKnob read, std::string pointer)
    : write_(std::move(write)), read_(std::move(read)), pointer_(std::move(pointer)) {}

Result<void> HttpActuator::Apply(const Limit& limit) {
  HttpKnob knob = write_;
  knob.body = FillLimit(knob.body, limit.value);
  knob.url.path = FillLimit(knob.url.path, limit.value);
  auto sent = SendKnob(knob);
  if (!sent) return sent.error();
  return {};
}

Result<ActuatorView> HttpActuator::Read() {
  ActuatorView view;
  if (!confirms()) return view;
  MEMWHY_TRY(const std::string body, SendKnob(read_));
  const std::string host = EscapeName(read_.url.host);
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_discarded()) return Error::Of("{} answered no JSON", host);
  const nlohmann::json::json_pointer pointer(pointer_);
  if (!json.contains(pointer) || !json.at(pointer).is_number_integer()) {
    return Error::Of("the answer of {} has no whole number at {}", host, pointer_);
  }
  view.limit = json.at(pointer).get<std::int64_t>();
  return view;
}

HttpRemedy::HttpRemedy(HttpKnob knob) : knob_(std::move(knob)) {}

Result<void> HttpRemedy::Do() {
  auto sent = SendKnob(knob_);
  if (!sent) return sent.error();
  return {};
}

}  // namespace memwhy::govern
