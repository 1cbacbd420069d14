// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>

#include <fmt/core.h>

#include <cerrno>
#include <set>
#include <string_view>

#include "base/strings.h"
#include "recorder/redact/redact.h"
#include "wire/ring.h"

namespace memwhy::recorder {
namespace {

std::string TokenOf(const wire::RedactionKey& key, std::string_view kind, std::string_view text) {
  char token[wire::kMaxTokenBytes];
  return {token, wire::PutToken(key, kind, text.data(), text.size(), token)};
}

// What stays of a name: how the memory was made. "" of names that the kernel or the C library gave.
std::string_view KeptPrefix(std::string_view name) {
  if (StartsWith(name, "[anon: glibc:") || StartsWith(name, "[anon:.bss") ||
      StartsWith(name, "/memfd:memwhy-") || StartsWith(name, "/dev/zero")) {
    return {};
  }
  for (const std::string_view prefix :
       {"/dev/shm/", "/memfd:", "/SYSV", "/", "[anon:", "[anon_shmem:"}) {
    if (StartsWith(name, prefix)) return prefix;
  }
  return {};
}

}  // namespace

void RedactMappings(const wire::RedactionKey& key, std::vector<model::Mapping>* mappings) {
  std::set<std::string> code;
  for (const model::Mapping& mapping : *mappings) {
    if (mapping.permissions.find('x') != std::string::npos) code.insert(mapping.name);
  }
  for (model::Mapping& mapping : *mappings) {
    const std::string_view prefix = KeptPrefix(mapping.name);
    if (prefix.empty() || code.contains(mapping.name) || wire::IsRingName(Basename(mapping.name))) {
      continue;
    }
    const bool is_bracketed = StartsWith(prefix, "[");
    const std::string rest = mapping.name.substr(prefix.size());
    mapping.name =
        fmt::format("{}{}{}", prefix, TokenOf(key, "file", rest), is_bracketed ? "]" : "");
  }
}

Result<wire::RedactionKey> MakeRedactionKey() {
  wire::RedactionKey key;
  static_assert(sizeof(key) == 16);
  if (getrandom(&key, sizeof(key), 0) != static_cast<ssize_t>(sizeof(key))) {
    return Error::FromErrno(errno, "--redact needs random numbers, which the kernel does not give");
  }
  return key;
}

std::string KeyDigits(const wire::RedactionKey& key) {
  return fmt::format("{:016x}{:016x}", key.low, key.high);
}

}  // namespace memwhy::recorder
