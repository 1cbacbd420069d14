// SPDX-License-Identifier: Apache-2.0
#include "recorder/redact/redact.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "recorder/redact/secret_names.h"
#include "recorder/redact/secret_shapes.h"

namespace memwhy::recorder {
namespace {

constexpr std::size_t kMaxBytes = 1024;

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Tools whose short options take a password: mysql -pX, redis-cli -a X.
struct Tool {
  std::string_view name;      // of the program, as it begins
  std::string_view attached;  // options whose value may follow without a space
  std::string_view separate;  // options whose value is the next argument
};
constexpr Tool kTools[] = {
    {"mysql", "p", ""},        {"mariadb", "p", ""},     {"sshpass", "p", "p"},
    {"mongo", "p", "p"},       {"redis-cli", "a", "a"},  {"valkey-cli", "a", "a"},
    {"ldap", "w", "w"},        {"sqlcmd", "P", "P"},     {"bcp", "P", "P"},
    {"isql", "P", "P"},        {"7z", "p", ""},          {"7za", "p", ""},
    {"rar", "p", ""},          {"unrar", "p", ""},       {"zip", "P", "P"},
    {"unzip", "P", "P"},       {"docker", "", "p"},      {"podman", "", "p"},
    {"helm", "", "p"},         {"az", "", "p"},          {"cqlsh", "p", "p"},
    {"snmp", "AX", "AX"},      {"ipmitool", "P", "P"},   {"rabbitmqadmin", "p", "p"},
    {"influx", "", "t"},       {"mosquitto_", "P", "P"}, {"openssl", "", "kK"},
    {"odbc", "P", "P"},        {"psexec", "p", "p"},     {"xfreerdp", "p", "p"},
    {"skopeo", "", "p"},       {"buildah", "", "p"},     {"crane", "", "p"},
    {"nerdctl", "", "p"},      {"oc", "", "p"},          {"twine", "", "p"},
    {"cypher-shell", "p", "p"}};
// Of them, those whose "-p" is something else but at a login (docker run -p 80:80).
constexpr std::string_view kOnlyAtLogin[] = {"docker",  "podman", "helm",    "az", "skopeo",
                                             "buildah", "crane",  "nerdctl", "oc"};

const Tool* ToolOf(std::string_view argument) {
  const std::string_view name = Basename(argument);
  for (const Tool& tool : kTools) {
    const bool is_family = EndsWith(tool.name, "_") || tool.name == "mysql" ||
                           tool.name == "mariadb" || tool.name == "ldap" || tool.name == "snmp" ||
                           tool.name == "mongo" || tool.name == "odbc";
    if (is_family ? StartsWith(name, tool.name) : name == tool.name) return &tool;
  }
  return nullptr;
}

// Options whose value is "user:password" for curl, wget, HTTPie and many others.
bool TakesUserAndPassword(std::string_view option) {
  constexpr std::string_view kOptions[] = {
      "-u", "-U", "--user", "--proxy-user", "--userpwd", "--basic-auth", "--http-user", "-a"};
  return std::find(std::begin(kOptions), std::end(kOptions), option) != std::end(kOptions);
}

// "me:secret" and "me%secret" without the secret; "1000:1000" (a user and a group), a URL and a
// path stay.
std::optional<std::string> MaskUserAndPassword(std::string_view value) {
  const std::size_t at = value.find_first_of(":%");
  if (at == std::string_view::npos || at + 1 == value.size()) return std::nullopt;
  if (Contains(value.substr(0, at), "/") || StartsWith(value.substr(at), "://"))
    return std::nullopt;
  if (IsDigits(value.substr(0, at)) && IsDigits(value.substr(at + 1))) return std::nullopt;
  return std::string(value.substr(0, at + 1)) + std::string(kMask);
}

// Goes over the words of a command and knows what the word before asks for.
class Words {
 public:
  std::string Next(std::string_view word) {
    if (is_value_of_secret_ && !StartsWith(word, "-")) return Secret(word);
    is_value_of_secret_ = false;
    if (std::exchange(is_user_, false)) {
      if (auto masked = MaskUserAndPassword(word)) return *masked;
    }
    if (auto masked = Option(word)) return *masked;
    if (word == "login") is_login_ = true;
    if (const Tool* tool = ToolOf(word)) tool_ = tool;
    if (StartsWith(word, "pass:") && word.size() > 5) return "pass:" + std::string(kMask);
    return MaskSecrets(word);
  }

 private:
  std::string Secret(std::string_view word) {
    // "Authorization: Bearer X" in three words.
    const std::string lower = ToLower(word);
    is_value_of_secret_ = is_header_ && (lower == "bearer" || lower == "basic" ||
                                         lower == "token" || lower == "digest");
    if (is_value_of_secret_) return std::string(word);
    is_header_ = false;
    if (IsHarmlessValue(name_, word) || IsVariable(word)) return std::string(word);
    return std::string(kMask);
  }

  std::optional<std::string> Option(std::string_view word) {
    const std::size_t equals = word.find('=');
    // A name alone, no sentence, script or URL.
    const std::string_view name = word.substr(0, std::min(equals, word.size()));
    const bool is_name = name.find_first_of(" \t\n\"'`{}()<>;&?|") == std::string_view::npos;
    if (equals != std::string_view::npos && is_name && !Contains(name, "://") &&
        SpeaksOfSecret(Basename(name))) {
      const std::string_view value = word.substr(equals + 1);
      if (IsHarmlessValue(name, value)) return std::string(word);
      return std::string(word.substr(0, equals + 1)) + std::string(kMask);
    }
    if (equals != std::string_view::npos && TakesUserAndPassword(name)) {
      if (auto masked = MaskUserAndPassword(word.substr(equals + 1))) {
        return std::string(word.substr(0, equals + 1)) + *masked;
      }
    }
    if (EndsWith(word, ":") && is_name && SpeaksOfSecret(word)) {
      is_value_of_secret_ = is_header_ = true;
      name_ = word;
      return std::string(word);
    }
    if (!StartsWith(word, "-")) return std::nullopt;
    if (auto masked = ShortOption(word)) return masked;
    if (equals == std::string_view::npos && is_name && !Contains(word, ":") &&
        SpeaksOfSecret(word)) {
      is_value_of_secret_ = true;
      name_ = word;
      return std::string(word);
    }
    if (TakesUserAndPassword(word)) is_user_ = true;
    return std::nullopt;
  }

  std::optional<std::string> ShortOption(std::string_view word) {
    if (word.size() < 2 || word[1] == '-') return std::nullopt;
    // curl -ume:secret
    if (word.size() > 2 && (word[1] == 'u' || word[1] == 'U')) {
      if (auto masked = MaskUserAndPassword(word.substr(2))) {
        return std::string(word.substr(0, 2)) + *masked;
      }
    }
    if (tool_ == nullptr) return std::nullopt;
    const bool only_at_login = std::find(std::begin(kOnlyAtLogin), std::end(kOnlyAtLogin),
                                         tool_->name) != std::end(kOnlyAtLogin);
    if (only_at_login && !is_login_) return std::nullopt;
    if (word.size() > 2 && Contains(tool_->attached, word.substr(1, 1))) {
      return std::string(word.substr(0, 2)) + std::string(kMask);
    }
    if (word.size() == 2 && Contains(tool_->separate, word.substr(1, 1))) {
      is_value_of_secret_ = true;
      name_ = "password";
      return std::string(word);
    }
    return std::nullopt;
  }

  const Tool* tool_ = nullptr;
  bool is_login_ = false;
  bool is_value_of_secret_ = false;
  bool is_header_ = false;
  bool is_user_ = false;
  std::string name_;
};

// A command in one argument, as behind sh -c: its words, each with its quotes, and what is between.
std::string RedactInner(std::string_view text) {
  Words words;
  std::string out;
  while (!text.empty()) {
    const std::size_t begin = std::min(text.find_first_not_of(" \t\n"), text.size());
    out += text.substr(0, begin);
    text.remove_prefix(begin);
    if (text.empty()) break;
    const char quote = text[0] == '"' || text[0] == '\'' ? text[0] : '\0';
    std::size_t end = 0;
    if (quote != '\0') {
      end = text.find(quote, 1);
      end = end == std::string_view::npos ? text.size() : end + 1;
    }
    // --password='a b', "a"b
    char open = '\0';
    for (; end < text.size(); ++end) {
      const char c = text[end];
      if (open == '\0' && (c == ' ' || c == '\t' || c == '\n')) break;
      if (c == '"' || c == '\'') open = open == '\0' ? c : open == c ? '\0' : open;
    }
    const std::string_view word = text.substr(0, end);
    const bool is_quoted = quote != '\0' && word.size() >= 2 && word.back() == quote;
    if (is_quoted) {
      out += quote + words.Next(word.substr(1, word.size() - 2)) + quote;
    } else {
      out += words.Next(word);
    }
    text.remove_prefix(end);
  }
  return out;
}

std::string Finish(std::string command) {
  for (char& c : command) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (command.size() > kMaxBytes) {
    std::size_t cut = kMaxBytes;
    while (cut > 0 && (static_cast<unsigned char>(command[cut]) & 0xc0) == 0x80) --cut;
    command.resize(cut);
    command += "...";
  }
  return command;
}

}  // namespace

std::string CommandText(std::span<const std::string> arguments, bool redacts) {
  return redacts ? RedactAllArguments(arguments) : RedactCommand(arguments);
}

std::string RedactCommand(std::span<const std::string> arguments) {
  std::string command;
  Words words;
  bool is_script = false;  // the argument before was sh's -c
  for (const std::string& argument : arguments) {
    // First what has a meaning as a whole, with names and values in several words; then its words.
    std::string shown = is_script ? MaskSecrets(RedactInner(argument)) : words.Next(argument);
    if (!is_script && shown != kMask && shown.find_first_of(" \t\n") != std::string::npos) {
      shown = MaskSecrets(RedactInner(shown));
    }
    is_script = argument == "-c" || argument == "-lc" || argument == "-ec" || argument == "-e";
    if (!command.empty()) command += ' ';
    command += shown;
  }
  return Finish(std::move(command));
}

std::string RedactAllArguments(std::span<const std::string> arguments) {
  if (arguments.empty()) return "";
  std::string command(Basename(arguments[0]));
  std::size_t shown = 1;
  if (StartsWith(command, "python") && arguments.size() > 1) {
    if (arguments[1] == "-m" && arguments.size() > 2) {
      command += " -m " + arguments[2];
      shown = 3;
    } else if (!StartsWith(arguments[1], "-")) {
      command += " " + std::string(Basename(arguments[1]));
      shown = 2;
    }
  }
  const std::size_t left = arguments.size() - shown;
  if (left != 0) command += fmt::format(" ({} argument{})", left, left == 1 ? "" : "s");
  return Finish(std::move(command));
}

}  // namespace memwhy::recorder
