// SPDX-License-Identifier: Apache-2.0
//
// Posts a document to a URL that is a secret: who knows the URL of a webhook can write there.
// Invariant: no error has any part of the URL behind its host. Tries again after errors that pass:
// no connection, 429, 5xx. Retry-After of the receiver counts, up to a bound. One thread.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace memwhy::gate {

struct WebhookOptions {
  int attempts = 4;
  double timeout_s = 10;                      // of connecting, and of each answer
  double longest_wait_s = 60;                 // of one Retry-After; a longer one ends the attempts
  std::function<void(double seconds)> sleep;  // empty: really sleeps
};

// http:// or https://, the certificate is checked; redirects are not followed.
Result<void> PostJson(const std::string& url, const std::string& body,
                      const WebhookOptions& options = {});

// The URL of the alerts of an Alertmanager whose address was given.
std::string AlertsUrl(const std::string& url);

}  // namespace memwhy::gate
