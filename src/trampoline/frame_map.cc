// SPDX-License-Identifier: Apache-2.0
#include "trampoline/frame_map.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

namespace memwhy::trampoline {
namespace {

constexpr std::size_t kMaxLine = 3 * 1024;

// One record; what does not fit is cut, the last byte stays for the line's end.
class Line {
 public:
  void Text(const char* text) noexcept {
    for (; *text != '\0' && size_ + 1 < kMaxLine; ++text) bytes_[size_++] = *text;
  }
  void Name(const char* text) noexcept {
    for (; *text != '\0' && size_ + 2 < kMaxLine; ++text) {
      const char c = *text;
      const char escaped = c == '\\' ? '\\' : c == '\t' ? 't' : c == '\n' ? 'n' : '\0';
      if (escaped != '\0') bytes_[size_++] = '\\';
      bytes_[size_++] = escaped != '\0' ? escaped : c;
    }
  }
  void Number(std::uint64_t number, unsigned base = 10) noexcept {
    char digits[24];
    std::size_t count = 0;
    do {
      digits[count++] = "0123456789abcdef"[number % base];
      number /= base;
    } while (number != 0);
    while (count != 0 && size_ + 1 < kMaxLine) bytes_[size_++] = digits[--count];
  }
  void End() noexcept { bytes_[size_++] = '\n'; }
  const char* bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return size_; }

 private:
  char bytes_[kMaxLine];
  std::size_t size_ = 0;
};

bool WriteAll(int fd, const char* text, std::size_t size) noexcept {
  while (size != 0) {
    const ssize_t count = write(fd, text, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

// "FOLDER/frames.PID"
bool PathOf(const char* folder, int pid, char (&path)[PATH_MAX]) noexcept {
  const int length = std::snprintf(path, sizeof(path), "%s/frames.%d", folder, pid);
  return length > 0 && static_cast<std::size_t>(length) < sizeof(path);
}

}  // namespace

bool FrameMap::Begin(const char* folder, const char* version) noexcept {
  folder_ = folder;
  const std::size_t length = std::strcspn(version, " ");
  std::snprintf(version_, sizeof(version_), "%.*s", static_cast<int>(length), version);
  return Create();
}

bool FrameMap::Create() noexcept {
  const int parent = pid_;
  const std::uint64_t before = written_;
  pid_ = getpid();
  written_ = 0;
  char path[PATH_MAX];
  if (!PathOf(folder_, pid_, path)) return false;
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  const int fd = open(path, flags, 0600);
  if (fd < 0) return false;
  close(fd);
  char executable[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
  executable[size < 0 ? 0 : size] = '\0';
  Line line;
  line.Text("memwhy-frames\t1\t");
  line.Name(version_);
  line.Text("\t");
  line.Name(executable);
  line.End();
  if (!Append(line.bytes(), line.size())) return false;
  if (parent == 0) return true;
  Line from;
  from.Text("parent\t");
  from.Number(static_cast<std::uint64_t>(parent));
  from.Text("\t");
  from.Number(before);
  from.End();
  return Append(from.bytes(), from.size());
}

bool FrameMap::Append(const char* text, std::size_t size) noexcept {
  if (getpid() != pid_ && !Create()) return false;
  char path[PATH_MAX];
  if (!PathOf(folder_, pid_, path)) return false;
  const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool is_written = WriteAll(fd, text, size);
  close(fd);
  written_ += size;
  return is_written;
}

bool FrameMap::Code(std::uint32_t id, int first_line, const char* file,
                    const char* function) noexcept {
  Line line;
  line.Text("code\t");
  line.Number(id);
  line.Text("\t");
  line.Number(static_cast<std::uint64_t>(first_line > 0 ? first_line : 0));
  line.Text("\t");
  line.Name(file);
  line.Text("\t");
  line.Name(function);
  line.End();
  return Append(line.bytes(), line.size());
}

bool FrameMap::Stub(std::uintptr_t address, std::size_t bytes, std::uint32_t code,
                    std::uint32_t caller, int at_line) noexcept {
  Line line;
  line.Text("stub\t");
  line.Number(address, 16);
  line.Text("\t");
  line.Number(bytes);
  line.Text("\t");
  line.Number(code);
  line.Text("\t");
  line.Number(caller);
  line.Text("\t");
  line.Number(static_cast<std::uint64_t>(at_line > 0 ? at_line : 0));
  line.End();
  return Append(line.bytes(), line.size());
}

void FrameMap::Word(const char* record, const char* text) noexcept {
  Line line;
  line.Text(record);
  line.Name(text);
  line.End();
  Append(line.bytes(), line.size());
}

}  // namespace memwhy::trampoline
