// SPDX-License-Identifier: Apache-2.0
#include "session/block_codec.h"

#define XXH_STATIC_LINKING_ONLY  // for a state on the stack
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace memwhy::session {
namespace {

constexpr int kBlockCodecLevel = 1;
constexpr std::size_t kSignedBytes = offsetof(BlockHeader, checksum);

std::uint64_t Checksum(const BlockHeader& header, std::span<const std::uint8_t> stored) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, &header, kSignedBytes);
  XXH3_64bits_update(&state, stored.data(), stored.size());
  return XXH3_64bits_digest(&state);
}

// Behind a frame of `packed` bytes: a frame that decoders skip, of as many bytes as are missing.
std::size_t Pad(std::uint8_t* stored, std::size_t packed, std::size_t room, std::size_t raw) {
  constexpr std::uint32_t kSkippableMagic = 0x184d2a50;
  constexpr std::size_t kHeadBytes = 8;
  std::size_t padding = PaddingFor(raw, packed);
  if (padding == 0) return 0;
  // MayBePacked does not count the block's header.
  padding = std::max(padding + sizeof(BlockHeader), kHeadBytes);
  if (packed + padding > room) return 0;
  const auto content = static_cast<std::uint32_t>(padding - kHeadBytes);
  std::memcpy(stored + packed, &kSkippableMagic, 4);
  std::memcpy(stored + packed + 4, &content, 4);
  std::memset(stored + packed + kHeadBytes, 0, content);
  return padding;
}

}  // namespace

struct BlockEncoder::Zstd {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ~Zstd() { ZSTD_freeCCtx(context); }
};

BlockEncoder::BlockEncoder() : zstd_(std::make_unique<Zstd>()) {
  buffer_.reserve(sizeof(BlockHeader) + ZSTD_compressBound(2 * kBlockBytes));
}
BlockEncoder::~BlockEncoder() = default;
BlockEncoder::BlockEncoder(BlockEncoder&&) noexcept = default;
BlockEncoder& BlockEncoder::operator=(BlockEncoder&&) noexcept = default;

std::span<const std::uint8_t> BlockEncoder::Encode(BlockKind kind,
                                                   std::span<const std::uint8_t> raw) {
  MEMWHY_CHECK(raw.size() <= kMaxBlockBytes);
  BlockHeader header{};
  header.magic = kBlockMagic;
  header.kind = static_cast<std::uint16_t>(kind);
  header.raw_bytes = static_cast<std::uint32_t>(raw.size());
  buffer_.resize(sizeof(header) + ZSTD_compressBound(raw.size()));
  std::uint8_t* stored = buffer_.data() + sizeof(header);
  const std::size_t packed =
      zstd_->context == nullptr || kind == BlockKind::kColumns  // packed by column
          ? raw.size()
          : ZSTD_compressCCtx(zstd_->context, stored, buffer_.size() - sizeof(header), raw.data(),
                              raw.size(), kBlockCodecLevel);
  std::size_t size = packed;
  if (ZSTD_isError(packed) == 0 && packed < raw.size()) {
    size += Pad(stored, packed, buffer_.size() - sizeof(header), raw.size());
  }
  if (size < raw.size() && MayBePacked(raw.size(), size)) {
    header.flags = kBlockIsZstd;
    header.stored_bytes = static_cast<std::uint32_t>(size);
  } else {
    if (!raw.empty()) std::memcpy(stored, raw.data(), raw.size());
    header.stored_bytes = header.raw_bytes;
  }
  buffer_.resize(sizeof(header) + header.stored_bytes);
  header.checksum = Checksum(header, std::span(buffer_).subspan(sizeof(header)));
  std::memcpy(buffer_.data(), &header, sizeof(header));
  return buffer_;
}

Result<void> CheckBlockHeader(const BlockHeader& header) {
  if (header.magic != kBlockMagic) return Error("no block starts here");
  if (header.raw_bytes > kMaxBlockBytes || header.stored_bytes > kMaxBlockBytes) {
    return Error::Of("block of {} bytes is larger than any block", header.stored_bytes);
  }
  if ((header.flags & kBlockIsZstd) == 0 && header.raw_bytes != header.stored_bytes) {
    return Error("sizes of a plain block differ");
  }
  if (!MayBePacked(header.raw_bytes, header.stored_bytes)) {
    return Error::Of("{} bytes claim to hold {}", header.stored_bytes, header.raw_bytes);
  }
  return {};
}

bool ChecksumFits(const BlockHeader& header, std::span<const std::uint8_t> stored) {
  return Checksum(header, stored) == header.checksum;
}

struct BlockDecoder::Zstd {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  ~Zstd() { ZSTD_freeDCtx(context); }
};

BlockDecoder::BlockDecoder() : zstd_(std::make_unique<Zstd>()) {}
BlockDecoder::~BlockDecoder() = default;
BlockDecoder::BlockDecoder(BlockDecoder&&) noexcept = default;
BlockDecoder& BlockDecoder::operator=(BlockDecoder&&) noexcept = default;

Result<void> BlockDecoder::Decode(const BlockHeader& header, std::span<const std::uint8_t> stored,
                                  std::vector<std::uint8_t>* raw) {
  MEMWHY_TRY_VOID(CheckBlockHeader(header));
  if ((header.flags & kBlockIsZstd) == 0) {
    raw->assign(stored.begin(), stored.end());
    return {};
  }
  if (zstd_->context == nullptr) return Error("no memory to decompress");
  raw->resize(header.raw_bytes);
  const std::size_t size =
      ZSTD_decompressDCtx(zstd_->context, raw->data(), raw->size(), stored.data(), stored.size());
  if (ZSTD_isError(size) != 0) return Error::Of("zstd: {}", ZSTD_getErrorName(size));
  if (size != raw->size()) return Error("a block is shorter than its header says");
  return {};
}

}  // namespace memwhy::session
