// SPDX-License-Identifier: Apache-2.0
#include "session/block_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/regular_file.h"

namespace memwhy::session {

Result<BlockFile> BlockFile::Open(const std::string& path, std::uint64_t limit) {
  MEMWHY_TRY(RegularFile opened, OpenRegular(path, "what a session has of this name"));
  BlockFile file(std::move(opened.fd));
  file.size_ = std::min(opened.bytes, limit);
  FileHeader header{};
  if (file.size_ < sizeof(header)) return Error::Of("{} is too short for a session", path);
  MEMWHY_TRY_VOID(
      file.ReadBytes(0, std::span(reinterpret_cast<std::uint8_t*>(&header), sizeof(header))));
  if (std::memcmp(header.magic, kFileMagic, sizeof(kFileMagic)) != 0) {
    return Error::Of("{} is not a memwhy session", path);
  }
  if (header.version != kFormatVersion) {
    return Error::Of("{} is a session of version {}; this memwhy reads version {}", path,
                     header.version, kFormatVersion);
  }
  if (header.header_bytes < sizeof(header) || header.header_bytes > 4096) {
    return Error::Of("{} has a damaged header", path);
  }
  file.offset_ = header.header_bytes;
  return file;
}

Result<void> BlockFile::ReadBytes(std::uint64_t offset, std::span<std::uint8_t> into) const {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t count =
        pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::FromErrno(errno, "reading the session");
    if (count == 0) return Error("the session file became shorter");
    done += static_cast<std::size_t>(count);
  }
  return {};
}

bool BlockFile::Damaged(std::string what, bool cut_off) {
  damage_ = fmt::format("{} at byte {} of {}", what, offset_, size_);
  is_cut_off_ = cut_off;
  return false;
}

bool BlockFile::Next(Place* place, std::vector<std::uint8_t>* raw) {
  if (!damage_.empty() || offset_ >= size_) return false;
  if (size_ - offset_ < sizeof(BlockHeader)) return Damaged("the last block is cut off", true);
  place->offset = offset_;
  auto* bytes = reinterpret_cast<std::uint8_t*>(&place->header);
  if (auto read = ReadBytes(offset_, std::span(bytes, sizeof(BlockHeader))); !read) {
    return Damaged(read.error().message(), true);
  }
  if (auto checked = CheckBlockHeader(place->header); !checked) {
    return Damaged(checked.error().message(), false);
  }
  if (size_ - offset_ - sizeof(BlockHeader) < place->header.stored_bytes) {
    return Damaged("the last block is cut off", true);
  }
  if (auto read = Read(*place, raw); !read) return Damaged(read.error().message(), false);
  const bool is_columns = place->header.kind == static_cast<std::uint16_t>(BlockKind::kColumns);
  excess_ +=
      ExcessOf(is_columns ? columns_.unpacked_bytes() : raw->size(), place->header.stored_bytes);
  if (excess_ > kFreeExcess) return Damaged("the blocks say more than their bytes can hold", false);
  offset_ += sizeof(BlockHeader) + place->header.stored_bytes;
  return true;
}

Result<void> BlockFile::ReadStored(const Place& place, std::vector<std::uint8_t>* stored) const {
  stored->resize(sizeof(BlockHeader) + place.header.stored_bytes);
  MEMWHY_TRY_VOID(ReadBytes(place.offset, *stored));
  if (std::memcmp(stored->data(), &place.header, sizeof(BlockHeader)) != 0 ||
      !ChecksumFits(place.header, std::span(*stored).subspan(sizeof(BlockHeader)))) {
    return Error("a block has changed");
  }
  return {};
}

Result<void> BlockFile::Read(const Place& place, std::vector<std::uint8_t>* raw) const {
  stored_.resize(place.header.stored_bytes);
  MEMWHY_TRY_VOID(ReadBytes(place.offset + sizeof(BlockHeader), stored_));
  if (!ChecksumFits(place.header, stored_)) return Error("a checksum does not fit");
  if (place.header.kind == static_cast<std::uint16_t>(BlockKind::kColumns)) {
    if (place.header.flags != 0) return Error("a block of columns is packed as a whole");
    return columns_.Decode(stored_, raw);
  }
  if (place.header.kind == static_cast<std::uint16_t>(BlockKind::kPieces) &&
      place.header.raw_bytes > kMaxPiecesBytes) {
    return Error("a block of pieces is larger than any");
  }
  return decoder_.Decode(place.header, stored_, raw);
}

}  // namespace memwhy::session
