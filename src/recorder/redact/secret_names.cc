// SPDX-License-Identifier: Apache-2.0
#include "recorder/redact/secret_names.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/strings.h"

namespace memwhy::recorder {
namespace {

// Anywhere in the name, which is in lower case and without separators.
constexpr std::string_view kParts[] = {
    "passw",      "passphrase", "passcode",    "passkey",    "secret",           "token",
    "apikey",     "credential", "privatekey",  "accesskey",  "accountkey",       "authkey",
    "signingkey", "masterkey",  "sharedkey",   "servicekey", "licensekey",       "storagekey",
    "secretkey",  "encryptkey", "cryptionkey", "sessionkey", "subscriptionkey",  "hmackey",
    "authoriz",   "bearer",     "cookie",      "sessionid",  "connectionstring", "privkey",
    "authheader", "creds"};
// The last word of the name: user_pass, --auth, DB-PWD, sig.
constexpr std::string_view kWords[] = {"pass", "pwd", "pw",   "auth",   "sig", "signature", "jwt",
                                       "psk",  "otp", "cred", "passin", "sas", "passout"};
// What a name ends with that tells where a secret is, not what it is.
constexpr std::string_view kPlaces[] = {"file", "path", "dir", "folder", "url", "uri", "endpoint"};
// Words with "token" in them that count or name pieces of text.
constexpr std::string_view kText[] = {"tokenizer", "tokenize", "tokenization", "tokenizers"};

bool IsNameLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// "X-AuthToken_2" gives "x", "auth", "token", "2".
std::vector<std::string> WordsOf(std::string_view name) {
  std::vector<std::string> words;
  bool is_open = false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!IsNameLetter(c)) {
      is_open = false;
      continue;
    }
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool was_lower = i > 0 && name[i - 1] >= 'a' && name[i - 1] <= 'z';
    if (!is_open || (is_upper && was_lower)) words.emplace_back();
    is_open = true;
    words.back() += is_upper ? static_cast<char>(c + 32) : c;
  }
  return words;
}

template <typename List>
bool Has(const List& list, std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

}  // namespace

bool SpeaksOfSecret(std::string_view name) {
  const std::vector<std::string> words = WordsOf(name);
  if (words.empty()) return false;
  std::string joined;
  for (const std::string& word : words) {
    if (!Has(kText, word)) joined += word;
  }
  const bool is_part = std::any_of(std::begin(kParts), std::end(kParts),
                                   [&](std::string_view part) { return Contains(joined, part); });
  const std::string& last = words.back();
  const bool is_word = Has(kWords, last);
  const bool is_tail = EndsWith(last, "pwd") || EndsWith(last, "dbpass") ||
                       EndsWith(last, "userpass") || EndsWith(last, "sqlpass");
  if (!is_part && !is_word && !is_tail) return false;
  return words.size() == 1 || !Has(kPlaces, last);
}

bool IsHarmlessValue(std::string_view name, std::string_view value) {
  if (value.empty()) return true;
  const std::string lower = ToLower(value);
  if (lower == "true" || lower == "false" || lower == "none" || lower == "null") return true;
  const std::vector<std::string> words = WordsOf(name);
  const bool counts = std::any_of(words.begin(), words.end(), [](const std::string& word) {
    return word == "tokens" || word == "token";
  });
  return counts && value.size() <= 7 &&
         value.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace memwhy::recorder
