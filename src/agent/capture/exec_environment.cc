// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/exec_environment.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "agent/ground/given_variables.h"
#include "agent/ground/text_buffer.h"

namespace memwhy::agent {
namespace {

using program::Loader;
using program::ProgramFile;

// A larger environment is left as it is: it would not fit on a small stack.
constexpr std::size_t kMaxWords = 2048;
constexpr std::size_t kMaxPreloadBytes = 8192;

// As the loader will find it: in the root folder and with the rights that we have now.
bool CanBeRead(const char* begin, const char* end) noexcept {
  char path[1024];
  const auto length = static_cast<std::size_t>(end - begin);
  if (length >= sizeof(path)) return false;
  std::memcpy(path, begin, length);
  path[length] = 0;
  const long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  syscall(SYS_close, fd);
  return true;
}

bool IsWritable(const char* folder) noexcept {
  return syscall(SYS_faccessat, AT_FDCWD, folder, W_OK) == 0;
}

bool IsSanitizerEntry(const char* begin, const char* end) noexcept {
  char path[512];
  const auto length = static_cast<std::size_t>(end - begin);
  if (length >= sizeof(path)) return false;
  std::memcpy(path, begin, length);
  path[length] = 0;
  return program::IsSanitizerName(path);
}

}  // namespace

static_assert(kVariables <= 8, "ExecEnvironment's room");

ExecEnvironment::ExecEnvironment(const ProgramFile& program, char* const* given) noexcept
    : given_(given) {
  static char* const kNothing[] = {nullptr};
  if (given_ == nullptr) given_ = kNothing;
  unsigned found = 0;
  for (; given_[count_] != nullptr; ++count_) {
    const char* entry = given_[count_];
    if (entry[0] != 'L' && entry[0] != 'M') continue;
    const std::size_t bytes = sizeof(kPreloadPrefix) - 1;
    if (preload_ == nullptr && std::strncmp(entry, kPreloadPrefix, bytes) == 0) {
      preload_ = entry + bytes;
    }
    if (std::strcmp(entry, "MEMWHY_DISABLE=1") == 0) is_disabled_ = true;
    for (int i = 0; i < agent::kVariables; ++i) {
      const char* prefix = kVariablePrefixes[i];
      if (std::strncmp(entry, prefix, std::strlen(prefix)) != 0) continue;
      found |= 1u << i;
      const char* ours = GivenEntry(static_cast<Variable>(i));
      if (i == kSession && (ours == nullptr || std::strcmp(entry, ours) != 0)) {
        has_other_session_ = true;
      }
    }
  }
  for (int i = 0; i < agent::kVariables; ++i) {
    if ((found & (1u << i)) == 0 && GivenEntry(static_cast<Variable>(i)) != nullptr) {
      missing_ |= 1u << i;
    }
  }
  const char* begin = nullptr;
  const char* end = preload_;
  while (preload_ != nullptr && NextPreload(end, &begin, &end)) {
    if (IsSanitizerEntry(begin, end)) has_sanitizer_ = true;
    if (entry_ != nullptr || !IsAgentEntry(begin, end)) continue;
    is_first_ = begin == preload_;
    entry_ = begin;
    entry_end_ = end;
  }
  if (count_ > kMaxWords || (preload_ != nullptr && std::strlen(preload_) > kMaxPreloadBytes)) {
    return;
  }
  Decide(program);
}

void ExecEnvironment::Decide(const ProgramFile& program) noexcept {
  const char* session = GivenVariable(kSession);
  const bool is_wanted = session != nullptr && !is_disabled_ && !has_other_session_;
  std::optional<wire::Unseen> obstacle;
  if (program.loader == Loader::kOther) {
    obstacle = wire::Unseen::kOtherLibc;
  } else if (program.loader == Loader::kGlibc && !program.is_our_machine) {
    obstacle = wire::Unseen::kOtherMachine;
  } else if (program.loader != Loader::kGlibc) {
    return;  // static, or nothing that we know: its loader preloads nothing, its children may
  } else if (program.has_sanitizer || has_sanitizer_) {
    obstacle = wire::Unseen::kSanitizer;
  } else if (program.gains_rights) {
    if (is_wanted && program.is_cpython) unseen_ = wire::Unseen::kMoreRights;
    return;
  } else {
    const char* path = AgentPath();
    const char* begin = entry_ != nullptr ? entry_ : path;
    const char* end = entry_ != nullptr ? entry_end_ : path + std::strlen(path);
    if (begin == end) return;
    if (!CanBeRead(begin, end)) obstacle = wire::Unseen::kNoAgentFile;
  }
  if (obstacle) {
    drops_ = entry_ != nullptr;
    if (is_wanted && program.is_cpython) unseen_ = obstacle;
    return;
  }
  if (!is_wanted || AgentPath()[0] == 0) return;
  const char* rings = GivenVariable(kRings);
  if (program.is_cpython && !IsWritable(rings != nullptr ? rings : session)) {
    unseen_ = wire::Unseen::kNoAccess;
  }
  adds_ = entry_ == nullptr || !is_first_ || (missing_ & (1u << kSession)) != 0;
}

std::size_t ExecEnvironment::text_bytes() const noexcept {
  const std::size_t preload = preload_ == nullptr ? 0 : std::strlen(preload_);
  return sizeof(kPreloadPrefix) + std::strlen(AgentPath()) + preload + sizeof(kAddedPrefix) +
         kVariables + 8;
}

// "LD_PRELOAD=", our entry where it is added, and the others as they stand.
void ExecEnvironment::FillPreload(char* text) const noexcept {
  char* at = text;
  const auto put = [&at](const char* from, std::size_t bytes) {
    std::memcpy(at, from, bytes);
    at += bytes;
  };
  put(kPreloadPrefix, sizeof(kPreloadPrefix) - 1);
  const char* first = at;
  if (adds_) put(AgentPath(), std::strlen(AgentPath()));
  const char* begin = nullptr;
  const char* end = preload_;
  while (preload_ != nullptr && NextPreload(end, &begin, &end)) {
    if (IsAgentEntry(begin, end)) continue;
    if (at != first) *at++ = ':';
    put(begin, static_cast<std::size_t>(end - begin));
  }
  *at = 0;
}

char* const* ExecEnvironment::Fill(char** words, char* text) const noexcept {
  std::size_t used = 0;
  FillPreload(text);
  const bool has_preload = text[sizeof(kPreloadPrefix) - 1] != 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const bool is_preload =
        preload_ != nullptr && given_[i] + sizeof(kPreloadPrefix) - 1 == preload_;
    if (!is_preload) {
      words[used++] = given_[i];
    } else if (has_preload) {
      words[used++] = text;
    }
  }
  if (adds_) {
    if (preload_ == nullptr) words[used++] = text;
    char* added = text + std::strlen(text) + 1;
    std::memcpy(added, kAddedPrefix, sizeof(kAddedPrefix) - 1);
    char* letter = added + sizeof(kAddedPrefix) - 1;
    if (preload_ == nullptr) *letter++ = kAddedPreload;
    if (preload_ != nullptr && entry_ == nullptr) *letter++ = kAddedEntry;
    for (int i = 0; i < agent::kVariables; ++i) {
      if ((missing_ & (1u << i)) == 0) continue;
      words[used++] = const_cast<char*>(GivenEntry(static_cast<Variable>(i)));
      *letter++ = AddedLetter(i);
    }
    *letter = 0;
    words[used++] = added;
  }
  words[used] = nullptr;
  return words;
}

}  // namespace memwhy::agent
