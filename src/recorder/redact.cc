// SPDX-License-Identifier: Apache-2.0
#include "recorder/redact.h"

#include <algorithm>
#include <string_view>

#include "base/strings.h"

namespace memwhy::recorder {
namespace {

constexpr std::size_t kMostBytes = 1024;
constexpr std::string_view kMask = "***";
constexpr std::string_view kSecretWords[] = {
    "passw",   "passphrase", "secret",      "token",       "apikey",       "api-key",
    "api_key", "credential", "private-key", "private_key", "authorization"};

bool SpeaksOfSecret(std::string_view name) {
  const std::string lower = ToLower(name);
  return std::any_of(std::begin(kSecretWords), std::end(kSecretWords),
                     [&](std::string_view word) { return Contains(lower, word); });
}

// "https://user:password@host" without the password.
std::string RedactUrl(const std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  const std::size_t begin = scheme + 3;
  const std::size_t host_end = std::min(text.find('/', begin), text.size());
  const std::size_t at = text.rfind('@', host_end);
  const std::size_t colon = text.find(':', begin);
  if (at == std::string::npos || at < begin || colon == std::string::npos || colon > at)
    return text;
  return text.substr(0, colon + 1) + std::string(kMask) + text.substr(at);
}

}  // namespace

std::string RedactCommand(std::span<const std::string> arguments) {
  std::string command;
  bool is_value_of_secret = false;
  for (const std::string& argument : arguments) {
    std::string shown = RedactUrl(argument);
    const std::size_t equals = argument.find('=');
    if (is_value_of_secret && !StartsWith(argument, "-")) {
      shown = kMask;
      is_value_of_secret = false;
    } else if (equals != std::string::npos &&
               SpeaksOfSecret(std::string_view(argument).substr(0, equals))) {
      shown = argument.substr(0, equals + 1) + std::string(kMask);
      is_value_of_secret = false;
    } else {
      is_value_of_secret = StartsWith(argument, "-") && SpeaksOfSecret(argument);
    }
    if (!command.empty()) command += ' ';
    command += shown;
  }
  for (char& c : command) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (command.size() > kMostBytes) {
    std::size_t cut = kMostBytes;
    while (cut > 0 && (static_cast<unsigned char>(command[cut]) & 0xc0) == 0x80) --cut;
    command.resize(cut);
    command += "...";
  }
  return command;
}

}  // namespace memwhy::recorder
