// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/page_promise.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/output_file.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace memwhy::recorder {
namespace {

constexpr char kCopies[] = "writes a new copy of every page, for which a full disk has no room";
constexpr char kRemote[] = "has its pages from another program or machine, which may be gone";
constexpr char kUnknown[] = "is not known to keep pages that were reserved";

struct KnownDisk {
  std::uint64_t type;
  const char* name;
  const char* why;  // null: it keeps them
  bool is_memory;
};

constexpr std::uint64_t kOverlay = 0x794c7630;
constexpr KnownDisk kKnownDisks[] = {
    {0xef53, "ext4", nullptr, false},  // ext2 and ext3, too
    {0x58465342, "xfs", nullptr, false},
    {0x01021994, "tmpfs", nullptr, true},
    {0x858458f6, "ramfs", nullptr, true},
    {0x9123683e, "btrfs", kCopies, false},
    {0x2fc12fc1, "zfs", kCopies, false},
    {0xca451a4e, "bcachefs", kCopies, false},
    {0xf2f52010, "f2fs", kCopies, false},
    {0x3434, "nilfs2", kCopies, false},
    {0x6969, "nfs", kRemote, false},
    {0xff534d42, "cifs", kRemote, false},
    {0xfe534d42, "smb3", kRemote, false},
    {0x01021997, "9p", kRemote, false},
    {0x65735546, "fuse", kRemote, false},
    {0x00c36400, "ceph", kRemote, false},
    {kOverlay, "an overlay", "lies over a disk that is not known to write pages in place", false},
};

constexpr std::size_t kPage = 4096;

bool WritePage(int fd, char fill) {
  std::array<char, kPage> page;
  page.fill(fill);
  return pwrite(fd, page.data(), page.size(), 0) == static_cast<ssize_t>(page.size()) &&
         fsync(fd) == 0;
}

// Where the first page lies on the disk.
std::optional<std::uint64_t> PlaceOnDisk(int fd) {
  alignas(fiemap) char room[sizeof(fiemap) + sizeof(fiemap_extent)] = {};
  auto* map = reinterpret_cast<fiemap*>(room);
  map->fm_length = kPage;
  map->fm_flags = FIEMAP_FLAG_SYNC;
  map->fm_extent_count = 1;
  if (ioctl(fd, FS_IOC_FIEMAP, map) != 0 || map->fm_mapped_extents != 1) return std::nullopt;
  const fiemap_extent& first = map->fm_extents[0];
  constexpr std::uint32_t kNoPlace = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC |
                                     FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_DATA_INLINE |
                                     FIEMAP_EXTENT_DATA_TAIL | FIEMAP_EXTENT_SHARED;
  if ((first.fe_flags & kNoPlace) != 0 || first.fe_physical == 0) return std::nullopt;
  return first.fe_physical;
}

// btrfs tells no number of files, and marks files that it writes in place; a full disk ends their
// writers all the same.
bool LooksLikeBtrfs(int fd) {
  struct statfs disk{};
  int flags = 0;
  return fstatfs(fd, &disk) != 0 || disk.f_files == 0 ||
         (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_NOCOW_FL) != 0);
}

}  // namespace

PagePromise PromiseOfType(std::uint64_t type) {
  for (const KnownDisk& known : kKnownDisks) {
    if (known.type != type) continue;
    return {known.why == nullptr, known.is_memory, known.name,
            known.why == nullptr ? "" : known.why};
  }
  return {false, false, fmt::format("a file system of type {:#x}", type), kUnknown};
}

bool WritesInPlace(const std::string& folder) {
  const std::string path = JoinPath(folder, fmt::format(".memwhy-page.{}", getpid()));
  const auto fd = CreateExclusive(path, O_RDWR);
  if (!fd) return false;
  unlink(path.c_str());
  if (posix_fallocate(fd->get(), 0, 4 * kPage) != 0 || LooksLikeBtrfs(fd->get())) return false;
  if (!WritePage(fd->get(), 'a')) return false;
  const auto before = PlaceOnDisk(fd->get());
  if (!before || !WritePage(fd->get(), 'b')) return false;
  return PlaceOnDisk(fd->get()) == before;
}

PagePromise PromiseOf(const std::string& folder) {
  struct statfs disk{};
  if (statfs(folder.c_str(), &disk) != 0) {
    return {false, false, "what it lies on",
            fmt::format("cannot be asked ({})", std::strerror(errno))};
  }
  // The type is a signed word on some machines.
  const auto type = static_cast<std::uint32_t>(disk.f_type);
  PagePromise promise = PromiseOfType(type);
  if (type == kOverlay && WritesInPlace(folder)) {
    promise.is_kept = true;
    promise.why.clear();
  }
  return promise;
}

}  // namespace memwhy::recorder
