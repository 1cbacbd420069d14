// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_reader.h"

#include <fmt/core.h>

#include <climits>
#include <cmath>
#include <cstdlib>
#include <set>

#include "base/file_system.h"
#include "base/regular_file.h"
#include "base/strings.h"
#include "base/terminal_text.h"

namespace memwhy::config {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

Error At(const std::string& path, const YAML::Mark& mark, const std::string& what) {
  if (mark.is_null()) return Error(fmt::format("{}: {}", path, what));
  return Error(fmt::format("{}:{}:{}: {}", path, mark.line + 1, mark.column + 1, what));
}

}  // namespace

std::string Shown(const std::string& text) {
  constexpr std::size_t kShownBytes = 60;
  const std::string_view cut = CutBytes(text, kShownBytes);
  return '"' + EscapeName(cut) + (cut.size() < text.size() ? "..." : "") + '"';
}

void Refuse(const YAML::Node& node, std::string what) {
  throw BadValue{node.Mark(), std::move(what)};
}

std::string TextOf(const YAML::Node& node, std::string_view what) {
  if (!node.IsScalar()) Refuse(node, fmt::format("{} must be one value", what));
  return node.Scalar();
}

std::string NonEmpty(const YAML::Node& node, std::string_view what) {
  std::string text = TextOf(node, what);
  if (text.empty()) Refuse(node, fmt::format("{} must not be empty", what));
  if (text.find('\0') != std::string::npos) {
    Refuse(node, fmt::format("{} must not contain NUL characters", what));
  }
  return text;
}

double NumberOf(const YAML::Node& node, std::string_view what) {
  const std::string text = TextOf(node, what);
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value) || value < 0) {
    Refuse(node, fmt::format("{} must be a number of 0 or more, not {}", what, Shown(text)));
  }
  return value;
}

double WholeOf(const YAML::Node& node, std::string_view what, double least, double most) {
  const double value = NumberOf(node, what);
  if (value != std::floor(value) || value < least || value > most) {
    Refuse(node, fmt::format("{} must be a whole number from {:.0f} to {:.0f}", what, least, most));
  }
  return value;
}

Bytes BytesOf(const YAML::Node& node, std::string_view what) {
  const std::string text = TextOf(node, what);
  const auto bytes = ParseBytes(text);
  if (!bytes) {
    Refuse(node, fmt::format("{} must be a size (\"10 MiB\", 4096), not {}", what, Shown(text)));
  }
  return *bytes;
}

void EachKey(const YAML::Node& node, std::string_view what, std::string_view known,
             const Visit& visit) {
  if (!node.IsMap()) Refuse(node, fmt::format("{} must be a mapping (key: value)", what));
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string key = TextOf(entry.first, "a key");
    if (!seen.insert(key).second) {
      Refuse(entry.first, fmt::format("the key {} stands here twice", Shown(key)));
    }
    bool is_known = known.empty();
    for (const std::string_view one : Split(known, ',')) is_known |= Trim(one) == key;
    if (!is_known || key.empty()) {
      Refuse(entry.first, fmt::format("{} has no key {}; it knows {}", what, Shown(key), known));
    }
    visit(key, entry.second);
  }
}

double PercentOf(const YAML::Node& node, std::string_view what) {
  const std::string text = TextOf(node, what);
  std::string_view rest = Trim(text);
  const bool is_percent = rest.ends_with('%');
  if (is_percent) rest.remove_suffix(1);
  const std::string number(Trim(rest));
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end);
  if (!is_percent || number.empty() || *end != '\0' || !std::isfinite(value) || value < 0) {
    Refuse(node, fmt::format("{} must be a percentage (\"5 %\"), not {}", what, Shown(text)));
  }
  return value;
}

double SecondsOf(const YAML::Node& node, std::string_view what) {
  const std::string text = TextOf(node, what);
  const auto seconds = ParseDuration(text);
  if (!seconds || *seconds <= 0) {
    Refuse(node, fmt::format("{} must be a time (\"90s\", \"10m\"), not {}", what, Shown(text)));
  }
  return *seconds;
}

bool FlagOf(const YAML::Node& node, std::string_view what) {
  const std::string text = TextOf(node, what);
  if (text != "true" && text != "false") {
    Refuse(node, fmt::format("{} must be true or false, not {}", what, Shown(text)));
  }
  return text == "true";
}

std::vector<std::string> CommandOf(const YAML::Node& node) {
  if (!node.IsSequence() || node.size() == 0) {
    Refuse(node, "command must be a list of words: [python, work.py]");
  }
  std::vector<std::string> words;
  for (const YAML::Node& one : node) {
    std::string word = TextOf(one, "a word of command");
    if (word.find('\0') != std::string::npos) Refuse(one, "a word of command has a NUL character");
    words.push_back(std::move(word));
  }
  if (words.front().empty()) Refuse(node[0], "the program of command must not be empty");
  return words;
}

std::string FolderOf(const std::string& path) {
  char resolved[PATH_MAX];
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return realpath(folder.c_str(), resolved) == nullptr ? folder : std::string(resolved);
}

Result<void> ParseYaml(const std::string& path, const std::string& text,
                       const std::function<void(const YAML::Node& root)>& read) {
  if (text.size() > kMaxFileBytes) {
    return Error(fmt::format("{}: larger than {}", path, FormatBytes(kMaxFileBytes)));
  }
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() != 1) {
      return Error(fmt::format("{}: holds {} documents instead of one", path, documents.size()));
    }
    read(documents.front());
    return {};
  } catch (const BadValue& bad) {
    return At(path, bad.mark, bad.what);
  } catch (const YAML::Exception& bad) {
    return At(path, bad.mark, EscapeName(bad.msg));
  }
}

Result<std::string> LoadYamlText(const std::string& path, std::string_view what) {
  MEMWHY_TRY(const RegularFile file, OpenRegular(path, what));
  if (file.bytes > kMaxFileBytes) {
    return Error(fmt::format("{}: larger than {}", path, FormatBytes(kMaxFileBytes)));
  }
  return RealFileSystem().ReadSmall(path);
}

}  // namespace memwhy::config
