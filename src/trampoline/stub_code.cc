// SPDX-License-Identifier: Apache-2.0
#include "trampoline/stub_code.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace memwhy::trampoline {
namespace {

constexpr std::size_t kPageBytes = 4096;  // of x86-64

std::uint8_t* g_begin = nullptr;
std::size_t g_count = 0;

#if defined(__x86_64__)
void WriteStub(std::uint8_t* at, std::uintptr_t evaluator) noexcept {
  static constexpr std::uint8_t kBefore[] = {
      0x55,              // push %rbp
      0x48, 0x89, 0xe5,  // mov %rsp,%rbp
      0x48, 0xb8,        // mov $evaluator,%rax
  };
  static constexpr std::uint8_t kAfter[] = {
      0xff, 0xd0,  // call *%rax
      0x5d,        // pop %rbp
      0xc3,        // ret
  };
  static_assert(sizeof(kBefore) + sizeof(evaluator) + sizeof(kAfter) <= kStubBytes);
  std::memset(at, 0xcc, kStubBytes);  // int3
  std::memcpy(at, kBefore, sizeof(kBefore));
  std::memcpy(at + sizeof(kBefore), &evaluator, sizeof(evaluator));
  std::memcpy(at + sizeof(kBefore) + sizeof(evaluator), kAfter, sizeof(kAfter));
}
#else
void WriteStub(std::uint8_t*, std::uintptr_t) noexcept {}
#endif

}  // namespace

std::uintptr_t MakeStub(std::uintptr_t evaluator, int* error) noexcept {
  *error = 0;
  if (!kHasStubs || g_count == kMaxStubs) return 0;
  if (g_begin == nullptr) {
    void* region = mmap(nullptr, kMaxStubs * kStubBytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) {
      *error = errno;
      return 0;
    }
    g_begin = static_cast<std::uint8_t*>(region);
  }
  std::uint8_t* const at = g_begin + g_count * kStubBytes;
  std::uint8_t* const page = g_begin + g_count * kStubBytes / kPageBytes * kPageBytes;
  if (mprotect(page, kPageBytes, PROT_READ | PROT_WRITE) != 0) {
    *error = errno;
    return 0;
  }
  WriteStub(at, evaluator);
  if (mprotect(page, kPageBytes, PROT_READ | PROT_EXEC) != 0) {
    *error = errno;
    return 0;
  }
  ++g_count;
  return reinterpret_cast<std::uintptr_t>(at);
}

}  // namespace memwhy::trampoline
