// SPDX-License-Identifier: Apache-2.0
//
// A pool of equal blocks for the KV cache of an inference engine: it hands out numbers of blocks,
// counts references, finds cached prefixes, and keeps tenants within their quotas. It knows no
// engine and never touches the memory of a block.
//
// Invariants (checked by Verify): every block is in exactly one state (block.h); what is held is
// charged to one tenant each; TenantTable's sums hold. An operation that returns another status
// than kOk has changed nothing but the count of refusals and, with kLentOut, who claims and owes
// blocks (tenant_table.h), with an event.
//
// What is evicted: free blocks first, then cached ones by priority, then the longest unused. Blocks
// that are released together count from their end: the tail of a request goes before its head,
// since a prefix is of use without its tail. A tenant's cached blocks within its quota are evicted
// by nobody else (unless it lends).
//
// Any thread; one lock per operation. Alloc and the others with `const` arguments allocate nothing,
// but Cache where events are kept, Write, Reserve, Resize and AddTenant do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "govern/kv/block.h"
#include "govern/kv/pool_event.h"
#include "govern/kv/pool_page.h"
#include "govern/kv/pool_state.h"
#include "govern/kv/prefix_index.h"
#include "govern/kv/slab.h"
#include "govern/status.h"
#include "govern/tenants/tenant_table.h"

namespace memwhy::govern {

using ReservationId = std::uint64_t;
inline constexpr ReservationId kNoReservation = 0;
// The notes of so many take 1.2 GiB; 16 million blocks of 2 MiB are 32 TiB.
inline constexpr std::uint64_t kMaxBlocks = std::uint64_t{1} << 24;

// What one block holds: the keys and values of `tokens` tokens.
struct BlockGeometry {
  std::uint64_t tokens = 16;
  std::uint64_t layers = 1;
  std::uint64_t kv_heads = 16;
  std::uint64_t head_size = 128;
  std::uint64_t element_bytes = 2;
  bool keys_and_values = true;

  // 0 if it overflows.
  std::uint64_t block_bytes() const;
};

struct PoolOptions {
  std::uint64_t blocks = 0;
  std::uint64_t max_blocks = 0;   // what Resize may reach; 0: as `blocks`, without a slab any
  std::uint64_t block_bytes = 0;  // needed with a slab
  SlabKind slab = SlabKind::kNone;
  void* external_base = nullptr;
  std::size_t events = 0;        // how many are kept; 0: none are made
  Hash128 salt;                  // of token hashes; all 0: a random one
  const Clock* clock = nullptr;  // times of events; null: the real one. Must outlive the pool
};

struct BlockCopy {
  BlockId from = kNoBlock;
  BlockId to = kNoBlock;
};

class BlockPool {
 public:
  // kBadArgument, kOutOfMemory.
  static Status Create(const PoolOptions& options, std::unique_ptr<BlockPool>* pool);

  Status AddTenant(const TenantLimits& limits, TenantId* id);
  Status ChangeTenant(TenantId id, const TenantLimits& limits);
  Status FindTenant(std::string_view name, TenantId* id) const;

  // Fills `out` with blocks that have one holder each. All or none. From a reservation: it must be
  // of this tenant and have so many left.
  Status Alloc(TenantId tenant, std::span<BlockId> out, ReservationId reservation = kNoReservation);
  // Could Alloc give `blocks` now? Without counting a refusal.
  Status CanAlloc(TenantId tenant, std::uint64_t blocks) const;
  // One holder less for each, in the order of the prompt. All or none.
  Status Free(std::span<const BlockId> ids);
  // One holder more for each: blocks that are held, or cached and then held again. One tenant.
  Status Touch(std::span<const BlockId> ids);
  // Held blocks of `tenant` can be found by these hashes from now on. Where another block has the
  // same content, that one remains the one that is found. `added`: how many are new.
  Status Cache(std::span<const BlockId> ids, std::span<const Hash128> hashes, TenantId tenant,
               std::size_t* added);
  // The blocks of the longest prefix of `hashes` that is there, and with `hold` one holder more for
  // each. `out` is as long as `hashes`.
  Status MatchPrefix(std::span<const Hash128> hashes, TenantId tenant, std::span<BlockId> out,
                     std::size_t* found, bool hold);
  // The chained hash of a full block: of its tokens, its predecessor and the tenant's salt.
  Hash128 HashTokens(TenantId tenant, const Hash128& previous,
                     std::span<const std::uint32_t> tokens) const;

  // One holder more for each held block: two sequences share them until one writes.
  Status Fork(std::span<const BlockId> ids);
  // The block that a holder of `id` may write to: `id` itself if nobody else holds it, else a new
  // one in its place, and the copy is noted for TakeCopies. Its hash is forgotten.
  Status Write(BlockId id, BlockId* writable);
  // Copies that the engine must issue, in this order, before it writes to any block that it got
  // since the last call: a source may have been freed meanwhile.
  std::size_t TakeCopies(std::span<BlockCopy> out);

  // 0 is evicted first, kPriorities - 1 last. Held or cached blocks.
  Status SetPriority(std::span<const BlockId> ids, int priority);
  // Forgets all hashes; cached blocks become free. How many blocks were cached.
  std::size_t ResetPrefixes();

  Status Reserve(TenantId tenant, std::uint64_t blocks, ReservationId* id);
  // What is left of it is nobody's again.
  Status Cancel(ReservationId id);

  Status BeginRequest(TenantId tenant);
  Status EndRequest(TenantId tenant);

  // More blocks at once, fewer as far as they are not held: held blocks beyond the new size stay
  // until they are freed (`retiring`), and never are more than `blocks` held. kResizeBelowHeld if
  // more are held or reserved now.
  Status Resize(std::uint64_t blocks);

  Status Address(BlockId id, void** address) const;
  // kForeignBlock; references of a block, 0 if nobody holds it.
  Status References(BlockId id, std::uint32_t* references) const;

  // Makes the file `path`, in place of any other of this name, and keeps the pool's state in it
  // until the pool ends: another process can read it at any time (page_reader.h). Costs each
  // operation a copy of the state, about 200 bytes for each tenant.
  Status Publish(std::string_view path);

  PoolStats Stats() const;
  PoolState State() const;
  std::vector<TenantAccount> Tenants() const;
  std::size_t TakeEvents(std::span<PoolEvent> out);
  // kCorrupt, and in `what` which invariant is broken. Takes time by the size of the pool.
  Status Verify(const char** what) const;

 private:
  struct Reservation {
    TenantId tenant = kDefaultTenant;
    std::uint64_t blocks = 0;
  };

  // Holds the lock for an operation that may change the pool, and publishes at its end.
  class Turn {
   public:
    explicit Turn(BlockPool* pool) : pool_(pool), lock_(pool->mutex_) {}
    ~Turn() {
      if (pool_->page_ != nullptr) pool_->PublishLocked();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    BlockPool* pool_;
    std::lock_guard<std::mutex> lock_;
  };

  explicit BlockPool(const PoolOptions& options);
  Status Start(const PoolOptions& options);

  Block& At(BlockId id) { return blocks_[static_cast<std::size_t>(id)]; }
  const Block& At(BlockId id) const { return blocks_[static_cast<std::size_t>(id)]; }
  BlockId Next(BlockId id) const { return links_[static_cast<std::size_t>(id)].next; }
  bool Exists(BlockId id) const { return id >= 0 && static_cast<std::size_t>(id) < blocks_.size(); }
  std::uint32_t NextCall();
  Status CheckNamed(BlockId id, std::uint32_t call);
  Status Refuse(TenantId tenant, Status status, std::uint64_t blocks);
  Status AllocLocked(TenantId tenant, std::span<BlockId> out, ReservationId reservation);
  Status HoldLocked(std::span<const BlockId> ids);
  bool EvictUntil(TenantId tenant, std::span<BlockId> out, std::size_t filled);
  std::uint64_t EvictableFor(TenantId tenant) const;
  void Hand(TenantId tenant, BlockId id);
  void Release(BlockId id);
  void Uncache(BlockId id);
  void ForgetHash(BlockId id);
  void Note(PoolEventKind kind, TenantId tenant, BlockId block, std::uint64_t value);
  void NoteMark(TenantId tenant, MarkLevel before);
  void NoteDebts();
  const char* BrokenInvariant() const;
  PoolStats StatsLocked() const;
  void PublishLocked();

  mutable std::mutex mutex_;  // guards everything below
  std::vector<Block> blocks_;
  std::vector<BlockLinks> links_;  // as many
  BlockList free_;
  std::vector<std::array<BlockList, kPriorities>> cached_;  // by tenant
  PrefixIndex index_;
  TenantTable tenants_;
  Slab slab_;
  std::uint64_t max_blocks_;
  std::uint64_t target_;  // blocks with a number below it are in use, the others retire
  std::uint64_t released_ = 0;
  std::uint32_t call_ = 0;
  std::unordered_map<ReservationId, Reservation> reservations_;
  ReservationId last_reservation_ = kNoReservation;
  std::vector<BlockCopy> copies_;
  std::vector<std::uint64_t> debts_;  // what each tenant was last told that it owes
  Hash128 salt_;
  RealClock real_clock_;
  const Clock* clock_;
  PoolEvents events_;
  PoolStats totals_;  // its running totals only
  std::unique_ptr<PoolPage> page_;
};

}  // namespace memwhy::govern
