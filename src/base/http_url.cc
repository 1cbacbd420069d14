// SPDX-License-Identifier: Apache-2.0
#include "base/http_url.h"

#include <algorithm>

namespace memwhy {

Result<HttpUrl> ParseHttpUrl(const std::string& url, std::string_view what) {
  const std::size_t scheme_end = url.find("://");
  const std::string scheme = scheme_end == std::string::npos ? "" : url.substr(0, scheme_end);
  if (scheme != "http" && scheme != "https") {
    return Error::Of("the URL of {} must begin with https:// or http://", what);
  }
  const std::size_t host_begin = scheme_end + 3;
  const std::size_t host_end = std::min(url.find_first_of("/?#", host_begin), url.size());
  HttpUrl parts;
  parts.host = url.substr(host_begin, host_end - host_begin);
  parts.origin = url.substr(0, host_end);
  parts.path = url.substr(host_end, url.find('#', host_end) - host_end);
  if (parts.path.empty() || parts.path.front() != '/') parts.path.insert(0, "/");
  const bool is_bad = std::ranges::any_of(
      url, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
  if (parts.host.empty() || is_bad || parts.host.find('@') != std::string::npos) {
    return Error::Of("the URL of {} has no plain host (a name or address, and a port)", what);
  }
  return parts;
}

}  // namespace memwhy
