// SPDX-License-Identifier: Apache-2.0
#include "program/program_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace memwhy::program {
namespace {

// The system calls are made directly: the library's are points of cancellation, which exec is not.
int Open(int directory, const char* path) noexcept {
  return static_cast<int>(
      syscall(SYS_openat, directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}
void Close(int fd) noexcept { syscall(SYS_close, fd); }

// Reads up to `room` bytes; what came, 0 on failure.
std::size_t Read(int fd, std::uint64_t offset, void* out, std::size_t room) noexcept {
  const long n = syscall(SYS_pread64, fd, out, room, offset);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

template <typename T>
bool ReadAs(int fd, std::uint64_t offset, T* out) noexcept {
  return Read(fd, offset, out, sizeof(T)) == sizeof(T);
}

const char* BaseName(const char* path) noexcept {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

bool StartsWith(const char* text, const char* prefix) noexcept {
  return std::strncmp(text, prefix, std::strlen(prefix)) == 0;
}

#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
#else
constexpr unsigned kMachine = EM_NONE;
#endif

constexpr const char* kSanitizerSymbols[] = {"__asan_init", "__tsan_init", "__msan_init",
                                             "__hwasan_init", "__lsan_init"};
constexpr const char* kSanitizerLibraries[] = {"libasan.", "libtsan.", "liblsan.", "libmsan.",
                                               "libhwasan."};

struct Elf64 {
  using Header = Elf64_Ehdr;
  using Segment = Elf64_Phdr;
  using Dynamic = Elf64_Dyn;
  using Symbol = Elf64_Sym;
  using Word = std::uint64_t;
};
struct Elf32 {
  using Header = Elf32_Ehdr;
  using Segment = Elf32_Phdr;
  using Dynamic = Elf32_Dyn;
  using Symbol = Elf32_Sym;
  using Word = std::uint32_t;
};

constexpr std::size_t kMaxSegments = 32;
constexpr std::size_t kMaxDynamic = 512;  // entries looked at
constexpr std::size_t kMaxNeeded = 32;

std::uint32_t GnuHash(const char* name) noexcept {
  std::uint32_t hash = 5381;
  for (; *name != 0; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

// One ELF file of class `E`, by its descriptor.
template <typename E>
class ElfFile {
 public:
  explicit ElfFile(int fd) noexcept : fd_(fd) {}

  bool ReadHeaders() noexcept {
    if (!ReadAs(fd_, 0, &header_) || header_.e_phentsize != sizeof(typename E::Segment)) {
      return false;
    }
    count_ = header_.e_phnum < kMaxSegments ? header_.e_phnum : kMaxSegments;
    const std::size_t bytes = count_ * sizeof(typename E::Segment);
    return Read(fd_, header_.e_phoff, segments_, bytes) == bytes;
  }

  unsigned machine() const noexcept { return header_.e_machine; }
  bool is_program() const noexcept { return header_.e_type == ET_EXEC || header_.e_type == ET_DYN; }

  // The path of the loader; false: there is none.
  bool Interpreter(char* out, std::size_t room) const noexcept {
    const auto* segment = Find(PT_INTERP);
    if (segment == nullptr || segment->p_filesz == 0 || segment->p_filesz > room) return false;
    const std::size_t n = Read(fd_, segment->p_offset, out, segment->p_filesz);
    if (n == 0) return false;
    out[n - 1] = 0;
    return true;
  }

  void ReadDynamic() noexcept {
    const auto* segment = Find(PT_DYNAMIC);
    if (segment == nullptr) return;
    std::uint64_t at = segment->p_offset;
    for (std::size_t i = 0; i < kMaxDynamic; i += kAtOnce) {
      typename E::Dynamic entries[kAtOnce];
      const std::size_t n = Read(fd_, at, entries, sizeof(entries)) / sizeof(entries[0]);
      for (std::size_t k = 0; k < n; ++k) {
        const auto value = static_cast<std::uint64_t>(entries[k].d_un.d_val);
        switch (static_cast<long>(entries[k].d_tag)) {
          case DT_NULL:
            return;
          case DT_NEEDED:
            if (needed_count_ < kMaxNeeded) needed_[needed_count_++] = value;
            break;
          case DT_STRTAB:
            strings_ = FileOffset(value);
            break;
          case DT_SYMTAB:
            symbols_ = FileOffset(value);
            break;
          case DT_GNU_HASH:
            hash_ = FileOffset(value);
            break;
          default:
            break;
        }
      }
      if (n < kAtOnce) return;
      at += sizeof(entries);
    }
  }

  template <typename Matches>
  bool NeedsLibrary(Matches matches) const noexcept {
    char name[64];
    for (std::size_t i = 0; i < needed_count_ && strings_ != 0; ++i) {
      const std::size_t n = Read(fd_, strings_ + needed_[i], name, sizeof(name) - 1);
      name[n] = 0;
      if (matches(name)) return true;
    }
    return false;
  }

  // Whether the file defines that symbol for others.
  bool Defines(const char* name) const noexcept {
    struct {
      std::uint32_t buckets, first, bloom_words, shift;
    } table;
    if (hash_ == 0 || symbols_ == 0 || strings_ == 0 || !ReadAs(fd_, hash_, &table)) return false;
    if (table.buckets == 0) return false;
    const std::uint32_t hash = GnuHash(name);
    const std::uint64_t buckets =
        hash_ + sizeof(table) + std::uint64_t{table.bloom_words} * sizeof(typename E::Word);
    std::uint32_t index = 0;
    if (!ReadAs(fd_, buckets + std::uint64_t{hash % table.buckets} * 4, &index)) return false;
    if (index < table.first) return false;
    const std::uint64_t chain = buckets + std::uint64_t{table.buckets} * 4;
    for (int steps = 0; steps < 64; ++steps, ++index) {
      std::uint32_t there = 0;
      if (!ReadAs(fd_, chain + std::uint64_t{index - table.first} * 4, &there)) return false;
      if ((there | 1) == (hash | 1) && HasName(index, name)) return true;
      if ((there & 1) != 0) return false;
    }
    return false;
  }

 private:
  static constexpr std::size_t kAtOnce = 32;

  const typename E::Segment* Find(std::uint32_t type) const noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      if (segments_[i].p_type == type) return &segments_[i];
    }
    return nullptr;
  }

  std::uint64_t FileOffset(std::uint64_t address) const noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      const auto& segment = segments_[i];
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
          address - segment.p_vaddr < segment.p_filesz) {
        return address - segment.p_vaddr + segment.p_offset;
      }
    }
    return 0;
  }

  bool HasName(std::uint32_t index, const char* name) const noexcept {
    typename E::Symbol symbol;
    char text[64];
    const std::size_t bytes = std::strlen(name) + 1;
    return bytes <= sizeof(text) &&
           ReadAs(fd_, symbols_ + std::uint64_t{index} * sizeof(symbol), &symbol) &&
           symbol.st_shndx != SHN_UNDEF &&
           Read(fd_, strings_ + symbol.st_name, text, bytes) == bytes &&
           std::memcmp(text, name, bytes) == 0;
  }

  int fd_;
  typename E::Header header_{};
  typename E::Segment segments_[kMaxSegments];
  std::size_t count_ = 0;
  std::uint64_t needed_[kMaxNeeded];
  std::size_t needed_count_ = 0;
  std::uint64_t strings_ = 0;
  std::uint64_t symbols_ = 0;
  std::uint64_t hash_ = 0;
};

Loader LoaderOf(const char* interpreter) noexcept {
  return StartsWith(BaseName(interpreter), "ld-linux") ? Loader::kGlibc : Loader::kOther;
}

template <typename E>
void LookAtElf(int fd, const char* path, ProgramFile* out) noexcept {
  ElfFile<E> file(fd);
  if (!file.ReadHeaders() || !file.is_program()) return;
  out->is_our_machine = sizeof(typename E::Word) == sizeof(void*) && file.machine() == kMachine;
  char interpreter[256];
  if (file.Interpreter(interpreter, sizeof(interpreter))) {
    out->loader = LoaderOf(interpreter);
  } else {
    // A loader that is called by its name loads what its argument names.
    out->loader = StartsWith(BaseName(path), "ld-musl") ? Loader::kOther : Loader::kNone;
  }
  file.ReadDynamic();
  out->has_sanitizer = file.NeedsLibrary(&IsSanitizerName);
  for (const char* name : kSanitizerSymbols) {
    out->has_sanitizer = out->has_sanitizer || file.Defines(name);
  }
  out->defines_malloc = file.Defines("malloc");
  out->is_cpython = file.Defines("Py_GetVersion") || file.NeedsLibrary([](const char* name) {
    return StartsWith(name, "libpython");
  });
}

bool GainsRights(int fd) noexcept {
  struct stat status{};
  if (fstat(fd, &status) != 0) return false;
  return ((status.st_mode & S_ISUID) != 0 && status.st_uid != geteuid()) ||
         ((status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
          status.st_gid != getegid());
}

// The interpreter of a script, in place: "#! /bin/sh -e\n..." -> "/bin/sh".
char* ScriptInterpreter(char* head) noexcept {
  char* begin = head + 2;
  while (*begin == ' ' || *begin == '\t') ++begin;
  char* end = begin;
  while (*end != 0 && *end != ' ' && *end != '\t' && *end != '\n') ++end;
  *end = 0;
  return begin;
}

}  // namespace

bool IsSanitizerName(const char* path) noexcept {
  const char* name = BaseName(path);
  for (const char* known : kSanitizerLibraries) {
    if (StartsWith(name, known)) return true;
  }
  return StartsWith(name, "libclang_rt.") && std::strstr(name, "san") != nullptr;
}

ProgramFile LookAtProgram(int directory, const char* path) noexcept {
  constexpr int kMaxScripts = 5;  // as the kernel
  ProgramFile out;
  char head[256];
  char script[sizeof(head)];
  for (int depth = 0; depth <= kMaxScripts; ++depth) {
    const bool is_given = path[0] == 0;
    const int fd = is_given ? directory : Open(directory, path);
    if (fd < 0) return out;
    const std::size_t n = Read(fd, 0, head, sizeof(head) - 1);
    head[n] = 0;
    if (n > EI_NIDENT && std::memcmp(head, ELFMAG, SELFMAG) == 0) {
      if (head[EI_CLASS] == ELFCLASS64) LookAtElf<Elf64>(fd, path, &out);
      if (head[EI_CLASS] == ELFCLASS32) LookAtElf<Elf32>(fd, path, &out);
      out.gains_rights = GainsRights(fd);
    }
    if (!is_given) Close(fd);
    if (n < 2 || head[0] != '#' || head[1] != '!') return out;
    directory = AT_FDCWD;
    const char* interpreter = ScriptInterpreter(head);
    if (*interpreter == 0) return out;
    std::memcpy(script, interpreter, std::strlen(interpreter) + 1);
    path = script;
  }
  return out;
}

}  // namespace memwhy::program
