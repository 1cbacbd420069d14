// SPDX-License-Identifier: Apache-2.0
#include "recorder/redact/secret_shapes.h"

#include <algorithm>
#include <cstddef>

#include "base/strings.h"
#include "recorder/redact/secret_names.h"

namespace memwhy::recorder {
namespace {

constexpr std::size_t npos = std::string_view::npos;

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsUpper(c) || IsLower(c) || IsDigit(c); }
bool IsNamePart(char c) { return IsAlnum(c) || c == '_' || c == '-' || c == '.'; }
bool IsTokenPart(char c) { return IsAlnum(c) || c == '_' || c == '-'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsQuote(char c) { return c == '"' || c == '\'' || c == '`'; }

template <typename Is>
std::size_t EndOf(std::string_view text, std::size_t at, Is is) {
  while (at < text.size() && is(text[at])) ++at;
  return at;
}

// "https://user:password@host": the password, and a user without one that is long enough for a
// token. A password may hold a '/', but a port may stand there, too: "http://host:80/a@b".
std::string MaskUrls(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find("://"); at != npos; at = text.find("://", at)) {
    at += 3;
    const auto end =
        EndOf(text, at, [](char c) { return !IsSpace(c) && !IsQuote(c) && c != '<' && c != '>'; });
    const std::string_view rest = text.substr(at, end - at);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::size_t colon = rest.find(':');
    std::size_t sign = npos;  // the '@'
    if (colon < slash) {
      const std::string_view port = rest.substr(colon + 1, slash - colon - 1);
      const bool is_port =
          slash < rest.size() && !port.empty() && std::all_of(port.begin(), port.end(), IsDigit);
      const std::string_view authority = is_port ? rest.substr(0, slash) : rest;
      // Another URL behind it has an '@' of its own.
      sign = authority.substr(0, std::min(authority.find("://"), authority.size())).rfind('@');
      if (sign != npos && sign > colon) {
        out.append(text.substr(done, at + colon + 1 - done)).append(kMask);
        done = at + sign;
      }
    } else {
      constexpr std::size_t kLongestUser = 15;
      sign = rest.substr(0, slash).rfind('@');
      if (sign != npos && sign > kLongestUser) {
        out.append(text.substr(done, at - done)).append(kMask);
        done = at + sign;
      }
    }
  }
  return out.append(text.substr(done));
}

constexpr std::string_view kSchemes[] = {"bearer", "basic", "digest", "negotiate",
                                         "apikey", "token", "hmac",   "aws4-hmac-sha256"};

bool IsScheme(std::string_view word) {
  const std::string lower = ToLower(word);
  return std::find(std::begin(kSchemes), std::end(kSchemes), lower) != std::end(kSchemes);
}

// A header's value goes to its end, whatever it holds.
bool IsHeader(std::string_view name) {
  const std::string lower = ToLower(name);
  return EndsWith(lower, "authorization") || lower == "cookie" || lower == "set-cookie";
}

// Where the value at `at` ends. `quote` is the one that opened it, or 0.
std::size_t EndOfValue(std::string_view text, std::size_t at, char quote, bool is_header) {
  if (quote != 0) {
    for (; at < text.size() && text[at] != quote; ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
    }
    return at;
  }
  if (is_header) return EndOf(text, at, [](char c) { return c != '\n' && !IsQuote(c); });
  return EndOf(text, at, [](char c) {
    return !IsSpace(c) && c != '&' && c != ';' && c != ',' && c != '"' && c != '\'' && c != '}' &&
           c != ']' && c != ')' && c != '|' && c != '<' && c != '>';
  });
}

// name=value, name: value, "name": "value", \"name\": \"value\", name => value, name value quoted.
std::string MaskPairs(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    if (!IsNamePart(text[at])) {
      ++at;
      continue;
    }
    const std::size_t name_end = EndOf(text, at, IsNamePart);
    const std::string_view name = text.substr(at, name_end - at);
    at = name_end;
    std::size_t next = EndOf(text, name_end, [](char c) { return c == '\\' || IsQuote(c); });
    if (next < text.size() && text[next] == ']') {  // d["name"] = value
      next = EndOf(text, next, [](char c) { return c == ']'; });
    }
    next = EndOf(text, next, [](char c) { return c == ' ' || c == '\t'; });
    // A '%3D' is the '=' of a URL inside of a URL.
    std::size_t sign = next;
    if (text.substr(next, 3) == "%3D" || text.substr(next, 3) == "%3d") {
      sign = next + 3;
    } else {
      sign = EndOf(text, next, [](char c) { return c == '=' || c == ':'; });
      if (sign > next && sign < text.size() && text[sign] == '>') ++sign;
      if (text.substr(next, 3) == "://") sign = next;
    }
    if (sign == next || !SpeaksOfSecret(name)) continue;
    std::size_t value = EndOf(text, sign, IsSpace);
    value = EndOf(text, value, [](char c) { return c == '\\'; });
    const bool is_quoted = value < text.size() && IsQuote(text[value]);
    const char quote = is_quoted ? text[value] : '\0';
    if (is_quoted) ++value;
    const bool is_list = !is_quoted && StartsWith(text.substr(value), "[");
    if (is_list) ++value;
    const std::size_t end = is_list ? std::min(text.find(']', value), text.size())
                                    : EndOfValue(text, value, quote, IsHeader(name));
    const std::string_view said = text.substr(value, end - value);
    // Nothing, a number that counts, or a variable whose value is elsewhere.
    // Members of an object have names of their own; those of a list are values.
    if (!is_quoted && StartsWith(text.substr(value), "{")) continue;
    if (said.empty() || IsVariable(said) || said == kMask || IsHarmlessValue(name, said)) continue;
    out.append(text.substr(done, value - done)).append(kMask);
    done = at = end;
    // "Authorization: Bearer x" without quotes around it.
    if (IsScheme(said) && end < text.size()) {
      const std::size_t more = EndOf(text, end, IsSpace);
      const std::size_t more_end = EndOfValue(text, more, '\0', false);
      done = at = more_end;
    }
  }
  return out.append(text.substr(done));
}

// "Bearer eyJ...": what follows the name of a scheme.
std::string MaskSchemes(std::string_view text) {
  constexpr std::size_t kMinToken = 6;
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = EndOf(text, at, IsAlnum);
    if (end == at) {
      ++at;
      continue;
    }
    const std::string lower = ToLower(text.substr(at, end - at));
    at = end;
    if (lower != "bearer" && lower != "basic") continue;
    std::size_t value = EndOf(text, end, [](char c) { return c == ' '; });
    if (value == end) continue;
    const std::size_t value_end = EndOf(text, value, [](char c) {
      return IsTokenPart(c) || c == '.' || c == '=' || c == '+' || c == '/' || c == '~' || c == ':';
    });
    if (value_end - value < kMinToken) continue;
    out.append(text.substr(done, value - done)).append(kMask);
    done = at = value_end;
  }
  return out.append(text.substr(done));
}

// What the keys of services begin with, and how long they are at least behind it.
struct Shape {
  std::string_view begin;
  std::size_t least;
};
constexpr Shape kShapes[] = {
    {"AKIA", 12},    {"ASIA", 12},        {"ABIA", 12},        {"ACCA", 12},
    {"ghp_", 16},    {"gho_", 16},        {"ghu_", 16},        {"ghs_", 16},
    {"ghr_", 16},    {"github_pat_", 16}, {"glpat-", 12},      {"gldt-", 12},
    {"xoxa-", 8},    {"xoxb-", 8},        {"xoxp-", 8},        {"xoxr-", 8},
    {"xoxs-", 8},    {"xoxe-", 8},        {"xapp-", 8},        {"sk-", 16},
    {"sk_live_", 8}, {"sk_test_", 8},     {"rk_live_", 8},     {"rk_test_", 8},
    {"pk_live_", 8}, {"whsec_", 8},       {"AIza", 30},        {"ya29.", 12},
    {"hf_", 20},     {"npm_", 20},        {"pypi-", 16},       {"SG.", 16},
    {"dop_v1_", 16}, {"shpat_", 16},      {"shpss_", 16},      {"lin_api_", 12},
    {"hvs.", 16},    {"hvb.", 16},        {"gsk_", 16},        {"r8_", 20},
    {"nvapi-", 16},  {"dapi", 30},        {"eyJ", 16},         {"AGE-SECRET-KEY-", 16},
    {"tskey-", 12},  {"sbp_", 16},        {"xai-", 16},        {"pplx-", 16},
    {"figd_", 16},   {"ATATT", 16},       {"FwoGZXIvYXdz", 8}, {"EAAC", 30},
    {"rnd_", 16},    {"sntrys_", 16},     {"dckr_pat_", 12},   {"op_", 30}};

bool IsShapePart(char c) { return IsTokenPart(c) || c == '.' || c == '+' || c == '/' || c == '='; }

// Letters of both cases and digits in turn, as chance has them: no word, no hash, no number.
bool LooksRandom(std::string_view word, std::size_t min_digits) {
  constexpr std::size_t kMin = 32;
  if (word.size() < kMin) return false;
  std::size_t upper = 0;
  std::size_t lower = 0;
  std::size_t digits = 0;
  std::size_t changes = 0;
  int before = -1;
  for (const char c : word) {
    const int kind = IsUpper(c) ? 0 : IsLower(c) ? 1 : IsDigit(c) ? 2 : 3;
    upper += kind == 0 ? 1 : 0;
    lower += kind == 1 ? 1 : 0;
    digits += kind == 2 ? 1 : 0;
    if (kind != before && before >= 0) ++changes;
    before = kind;
  }
  return upper >= 3 && lower >= 3 && digits >= min_digits && changes * 3 >= word.size();
}

std::string MaskShapes(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!IsAlnum(text[at]) || (at > 0 && IsAlnum(text[at - 1]))) {
      ++at;
      continue;
    }
    const std::string_view rest = text.substr(at);
    std::size_t end = at;
    for (const Shape& shape : kShapes) {
      if (!StartsWith(rest, shape.begin)) continue;
      const std::size_t word_end = EndOf(text, at, IsShapePart);
      if (word_end - at >= shape.begin.size() + shape.least) end = std::max(end, word_end);
    }
    if (end == at) {
      const std::size_t word_end = EndOf(text, at, IsTokenPart);
      if (LooksRandom(text.substr(at, word_end - at), 2)) end = word_end;
      // Secret keys of AWS are 40 characters of base64.
      const std::size_t key_end =
          EndOf(text, at, [](char c) { return IsAlnum(c) || c == '+' || c == '/'; });
      if (key_end - at == 40 && LooksRandom(text.substr(at, 40), 1)) end = std::max(end, key_end);
      if (end == at) {
        at = word_end;
        continue;
      }
    }
    out.append(text.substr(done, at - done)).append(kMask);
    done = at = end;
  }
  return out.append(text.substr(done));
}

// "-----BEGIN RSA PRIVATE KEY-----" and all that follows up to its end.
std::string MaskPrivateKeys(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  while (true) {
    const std::size_t begin = text.find("-----BEGIN ", done);
    if (begin == npos) break;
    const std::size_t word = text.find("PRIVATE KEY-----", begin);
    if (word == npos) break;
    std::size_t end = text.find("-----END ", word);
    end = end == npos ? text.size() : std::min(text.find("-----", end + 9), text.size() - 5) + 5;
    out.append(text.substr(done, begin - done)).append(kMask);
    done = end;
  }
  return out.append(text.substr(done));
}

}  // namespace

bool IsVariable(std::string_view value) {
  if (StartsWith(value, "{{") || StartsWith(value, "%(")) return true;
  if (value.size() < 2 || value[0] != '$') return false;
  if (value[1] == '{' || value[1] == '(') return true;
  return std::all_of(value.begin() + 1, value.end(),
                     [](char c) { return IsUpper(c) || IsDigit(c) || c == '_'; });
}

std::string MaskSecrets(std::string_view text) {
  return MaskShapes(MaskSchemes(MaskPairs(MaskUrls(MaskPrivateKeys(text)))));
}

}  // namespace memwhy::recorder
