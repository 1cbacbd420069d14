// SPDX-License-Identifier: Apache-2.0
// An http or https URL taken apart for a client: no user, no password, no blanks. Pure.
#pragma once

#include <string>

#include "base/result.h"

namespace memwhy {

struct HttpUrl {
  std::string origin;  // "https://host:port"
  std::string host;    // with the port, if there is one
  std::string path;    // with the query; "/" at least
};

// `what` names it in errors, which never say the URL: it may hold a secret.
Result<HttpUrl> ParseHttpUrl(const std::string& url, std::string_view what);

}  // namespace memwhy
