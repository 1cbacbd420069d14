// SPDX-License-Identifier: Apache-2.0
//
// Values of a YAML file with words for what is wrong and where. The functions below throw BadValue,
// inside of the visitor of ParseYaml only, which turns it into an Error "PATH:LINE:COLUMN: ...".
// `what` names the value in messages. Pure; any thread.
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace memwhy::config {

struct BadValue {
  YAML::Mark mark;
  std::string what;
};

[[noreturn]] void Refuse(const YAML::Node& node, std::string what);

// Text of a file inside of a message: quoted, cut, without control characters.
std::string Shown(const std::string& text);

std::string TextOf(const YAML::Node& node, std::string_view what);
std::string NonEmpty(const YAML::Node& node, std::string_view what);
double NumberOf(const YAML::Node& node, std::string_view what);
double WholeOf(const YAML::Node& node, std::string_view what, double least, double most);
Bytes BytesOf(const YAML::Node& node, std::string_view what);
double PercentOf(const YAML::Node& node, std::string_view what);  // 5 of "5 %"
double SecondsOf(const YAML::Node& node, std::string_view what);  // greater than 0
bool FlagOf(const YAML::Node& node, std::string_view what);
// A program and its arguments: a list that is not empty.
std::vector<std::string> CommandOf(const YAML::Node& node);

using Visit = std::function<void(const std::string& key, const YAML::Node& value)>;

// Calls visit for each key of a mapping. A key that is not among `known` ("a, b, c"; "" any), not
// text, or there twice, is an error.
void EachKey(const YAML::Node& node, std::string_view what, std::string_view known,
             const Visit& visit);

// Calls `read` with the only document of `text`; `path` names it in errors.
Result<void> ParseYaml(const std::string& path, const std::string& text,
                       const std::function<void(const YAML::Node& root)>& read);

// The text of a file that is no folder, pipe or device; `what` it should be: "a configuration".
Result<std::string> LoadYamlText(const std::string& path, std::string_view what);

// The folder in which `path` lies, absolute.
std::string FolderOf(const std::string& path);

}  // namespace memwhy::config
