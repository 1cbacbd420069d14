// SPDX-License-Identifier: Apache-2.0
//
// The C interface: checks pointers and sizes, and lets no exception out.
#include "govern/abi/memwhy_govern.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <span>
#include <string>

#include "govern/kv/block_pool.h"

using memwhy::govern::BlockCopy;
using memwhy::govern::BlockPool;
using memwhy::govern::Hash128;
using memwhy::govern::PoolEvent;
using memwhy::govern::PoolOptions;
using memwhy::govern::SlabKind;
using memwhy::govern::Status;
using memwhy::govern::TenantId;
using memwhy::govern::TenantLimits;

struct memwhy_pool {
  std::unique_ptr<BlockPool> pool;
};

namespace {

static_assert(sizeof(memwhy_hash) == sizeof(Hash128));
static_assert(sizeof(memwhy_block_copy) == sizeof(BlockCopy));

template <typename Call>
int32_t Guarded(Call&& call) {
  try {
    return static_cast<int32_t>(call());
  } catch (const std::bad_alloc&) {
    return static_cast<int32_t>(Status::kOutOfMemory);
  } catch (...) {
    return static_cast<int32_t>(Status::kBadArgument);
  }
}

// False for a pointer that should lead somewhere, or a count that cannot be one.
template <typename T>
bool IsArray(const T* items, size_t count) {
  return count == 0 || (items != nullptr && count <= memwhy::govern::kMaxBlocks);
}

bool IsTenant(uint32_t tenant) { return tenant < memwhy::govern::kMaxTenants; }
TenantId Tenant(uint32_t tenant) { return static_cast<TenantId>(tenant); }

std::span<const Hash128> Hashes(const memwhy_hash* hashes, size_t count) {
  return {reinterpret_cast<const Hash128*>(hashes), count};
}

bool ReadLimits(const memwhy_tenant_limits* from, TenantLimits* limits) {
  if (from == nullptr || from->size < sizeof(memwhy_tenant_limits) || from->name == nullptr) {
    return false;
  }
  limits->name = std::string(from->name, strnlen(from->name, 100));
  limits->quota_blocks = from->quota_blocks;
  limits->borrow_blocks = from->borrow_blocks;
  limits->max_requests = from->max_requests;
  limits->soft_mark = from->soft_mark;
  limits->hard_mark = from->hard_mark;
  limits->lends = from->lends != 0;
  return true;
}

}  // namespace

extern "C" {

uint32_t memwhy_govern_abi_version(void) { return MEMWHY_GOVERN_ABI; }

const char* memwhy_govern_status_name(int32_t status) {
  return memwhy::govern::StatusName(static_cast<Status>(status));
}

const char* memwhy_govern_status_text(int32_t status) {
  return memwhy::govern::StatusText(static_cast<Status>(status));
}

int32_t memwhy_pool_create(const memwhy_pool_options* options, memwhy_pool** pool) {
  return Guarded([&] {
    if (options == nullptr || pool == nullptr || options->size < sizeof(memwhy_pool_options) ||
        options->slab < 0 || options->slab > 3 || options->events > (1u << 24)) {
      return Status::kBadArgument;
    }
    PoolOptions made;
    made.blocks = options->blocks;
    made.max_blocks = options->max_blocks;
    made.block_bytes = options->block_bytes;
    made.slab = static_cast<SlabKind>(options->slab);
    made.external_base = options->external_base;
    made.events = static_cast<std::size_t>(options->events);
    made.salt = {options->salt[0], options->salt[1]};
    std::unique_ptr<BlockPool> created;
    const Status status = BlockPool::Create(made, &created);
    if (status != Status::kOk) return status;
    *pool = new memwhy_pool{std::move(created)};
    return Status::kOk;
  });
}

void memwhy_pool_destroy(memwhy_pool* pool) { delete pool; }

int32_t memwhy_pool_add_tenant(memwhy_pool* pool, const memwhy_tenant_limits* limits,
                               uint32_t* tenant) {
  return Guarded([&] {
    TenantLimits read;
    if (pool == nullptr || tenant == nullptr || !ReadLimits(limits, &read)) {
      return Status::kBadArgument;
    }
    TenantId id = 0;
    const Status status = pool->pool->AddTenant(read, &id);
    if (status == Status::kOk) *tenant = id;
    return status;
  });
}

int32_t memwhy_pool_change_tenant(memwhy_pool* pool, uint32_t tenant,
                                  const memwhy_tenant_limits* limits) {
  return Guarded([&] {
    TenantLimits read;
    if (pool == nullptr || !ReadLimits(limits, &read)) return Status::kBadArgument;
    if (!IsTenant(tenant)) return Status::kUnknownTenant;
    return pool->pool->ChangeTenant(Tenant(tenant), read);
  });
}

int32_t memwhy_pool_find_tenant(const memwhy_pool* pool, const char* name, uint32_t* tenant) {
  return Guarded([&] {
    if (pool == nullptr || name == nullptr || tenant == nullptr) return Status::kBadArgument;
    TenantId id = 0;
    const Status status = pool->pool->FindTenant(name, &id);
    if (status == Status::kOk) *tenant = id;
    return status;
  });
}

int32_t memwhy_pool_alloc(memwhy_pool* pool, uint32_t tenant, uint64_t reservation, int32_t* blocks,
                          size_t count) {
  return Guarded([&] {
    if (pool == nullptr || !IsArray(blocks, count)) return Status::kBadArgument;
    if (!IsTenant(tenant)) return Status::kUnknownTenant;
    return pool->pool->Alloc(Tenant(tenant), {blocks, count}, reservation);
  });
}

int32_t memwhy_pool_can_alloc(const memwhy_pool* pool, uint32_t tenant, uint64_t count) {
  return Guarded([&] {
    if (pool == nullptr) return Status::kBadArgument;
    if (!IsTenant(tenant)) return Status::kUnknownTenant;
    return pool->pool->CanAlloc(Tenant(tenant), count);
  });
}

int32_t memwhy_pool_free(memwhy_pool* pool, const int32_t* blocks, size_t count) {
  return Guarded([&] {
    if (pool == nullptr || !IsArray(blocks, count)) return Status::kBadArgument;
    return pool->pool->Free({blocks, count});
  });
}

int32_t memwhy_pool_touch(memwhy_pool* pool, const int32_t* blocks, size_t count) {
  return Guarded([&] {
    if (pool == nullptr || !IsArray(blocks, count)) return Status::kBadArgument;
    return pool->pool->Touch({blocks, count});
  });
}

int32_t memwhy_pool_cache(memwhy_pool* pool, uint32_t tenant, const int32_t* blocks,
                          const memwhy_hash* hashes, size_t count, size_t* added) {
  return Guarded([&] {
    if (pool == nullptr || added == nullptr || !IsArray(blocks, count) || !IsArray(hashes, count)) {
      return Status::kBadArgument;
    }
    if (!IsTenant(tenant)) return Status::kUnknownTenant;
    return pool->pool->Cache({blocks, count}, Hashes(hashes, count), Tenant(tenant), added);
  });
}

int32_t memwhy_pool_match_prefix(memwhy_pool* pool, uint32_t tenant, const memwhy_hash* hashes,
                                 size_t count, int32_t hold, int32_t* blocks, size_t* found) {
  return Guarded([&] {
    if (pool == nullptr || found == nullptr || !IsArray(hashes, count) || !IsArray(blocks, count)) {
      return Status::kBadArgument;
    }
    if (!IsTenant(tenant)) return Status::kUnknownTenant;
    return pool->pool->MatchPrefix(Hashes(hashes, count), Tenant(tenant), {blocks, count}, found,
                                   hold != 0);
  });
}

int32_t memwhy_pool_hash_tokens(const memwhy_pool* pool, uint32_t tenant,
                                const memwhy_hash* previous, const uint32_t* tokens, size_t count,
                                memwhy_hash* hash) {
  return Guarded([&] {
    if (pool == nullptr || hash == nullptr || !IsArray(tokens, count)) {
      return Status::kBadArgument;
    }
    if (!IsTenant(tenant)) return Status::kUnknownTenant;
    const Hash128 chain = previous == nullptr ? Hash128{} : Hash128{previous->low, previous->high};
    const Hash128 made = pool->pool->HashTokens(Tenant(tenant), chain, {tokens, count});
    *hash = {made.low, made.high};
    return Status::kOk;
  });
}

int32_t memwhy_pool_fork(memwhy_pool* pool, const int32_t* blocks, size_t count) {
  return Guarded([&] {
    if (pool == nullptr || !IsArray(blocks, count)) return Status::kBadArgument;
    return pool->pool->Fork({blocks, count});
  });
}

int32_t memwhy_pool_write(memwhy_pool* pool, int32_t block, int32_t* writable) {
  return Guarded([&] {
    if (pool == nullptr || writable == nullptr) return Status::kBadArgument;
    return pool->pool->Write(block, writable);
  });
}

size_t memwhy_pool_take_copies(memwhy_pool* pool, memwhy_block_copy* copies, size_t room) {
  if (pool == nullptr || !IsArray(copies, room)) return 0;
  return pool->pool->TakeCopies({reinterpret_cast<BlockCopy*>(copies), room});
}

int32_t memwhy_pool_set_priority(memwhy_pool* pool, const int32_t* blocks, size_t count,
                                 int32_t priority) {
  return Guarded([&] {
    if (pool == nullptr || !IsArray(blocks, count)) return Status::kBadArgument;
    return pool->pool->SetPriority({blocks, count}, priority);
  });
}

size_t memwhy_pool_reset_prefixes(memwhy_pool* pool) {
  return pool == nullptr ? 0 : pool->pool->ResetPrefixes();
}

int32_t memwhy_pool_reserve(memwhy_pool* pool, uint32_t tenant, uint64_t count,
                            uint64_t* reservation) {
  return Guarded([&] {
    if (pool == nullptr || reservation == nullptr) return Status::kBadArgument;
    if (!IsTenant(tenant)) return Status::kUnknownTenant;
    return pool->pool->Reserve(Tenant(tenant), count, reservation);
  });
}

int32_t memwhy_pool_cancel(memwhy_pool* pool, uint64_t reservation) {
  return Guarded(
      [&] { return pool == nullptr ? Status::kBadArgument : pool->pool->Cancel(reservation); });
}

int32_t memwhy_pool_begin_request(memwhy_pool* pool, uint32_t tenant) {
  return Guarded([&] {
    if (pool == nullptr) return Status::kBadArgument;
    return IsTenant(tenant) ? pool->pool->BeginRequest(Tenant(tenant)) : Status::kUnknownTenant;
  });
}

int32_t memwhy_pool_end_request(memwhy_pool* pool, uint32_t tenant) {
  return Guarded([&] {
    if (pool == nullptr) return Status::kBadArgument;
    return IsTenant(tenant) ? pool->pool->EndRequest(Tenant(tenant)) : Status::kUnknownTenant;
  });
}

int32_t memwhy_pool_resize(memwhy_pool* pool, uint64_t blocks) {
  return Guarded(
      [&] { return pool == nullptr ? Status::kBadArgument : pool->pool->Resize(blocks); });
}

int32_t memwhy_pool_address(const memwhy_pool* pool, int32_t block, void** address) {
  return Guarded([&] {
    if (pool == nullptr || address == nullptr) return Status::kBadArgument;
    return pool->pool->Address(block, address);
  });
}

int32_t memwhy_pool_references(const memwhy_pool* pool, int32_t block, uint32_t* references) {
  return Guarded([&] {
    if (pool == nullptr || references == nullptr) return Status::kBadArgument;
    return pool->pool->References(block, references);
  });
}

size_t memwhy_pool_take_events(memwhy_pool* pool, memwhy_pool_event* events, size_t room) {
  if (pool == nullptr || !IsArray(events, room)) return 0;
  std::array<PoolEvent, 64> part;
  size_t taken = 0;
  while (taken < room) {
    const size_t count =
        pool->pool->TakeEvents(std::span(part).first(std::min(part.size(), room - taken)));
    for (size_t i = 0; i < count; ++i) {
      const PoolEvent& event = part[i];
      events[taken++] = {static_cast<int32_t>(event.kind),  event.block, event.tenant, 0,
                         {event.hash.low, event.hash.high}, event.value, event.time_ns};
    }
    if (count == 0) break;
  }
  return taken;
}

int32_t memwhy_pool_verify(const memwhy_pool* pool, const char** what) {
  return Guarded([&] { return pool == nullptr ? Status::kBadArgument : pool->pool->Verify(what); });
}

int32_t memwhy_pool_publish(memwhy_pool* pool, const char* path) {
  return Guarded([&] {
    if (pool == nullptr || path == nullptr) return Status::kBadArgument;
    return pool->pool->Publish(path);
  });
}

int32_t memwhy_pool_json(const memwhy_pool* pool, char* text, size_t room, size_t* needed) {
  return Guarded([&] {
    if (pool == nullptr || needed == nullptr || (room != 0 && text == nullptr)) {
      return Status::kBadArgument;
    }
    const std::string json = PoolStateJson(pool->pool->State());
    *needed = json.size() + 1;
    if (room == 0) return Status::kOk;
    const size_t part = std::min(room - 1, json.size());
    std::memcpy(text, json.data(), part);
    text[part] = '\0';
    return Status::kOk;
  });
}

}  // extern "C"
