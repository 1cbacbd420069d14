/* SPDX-License-Identifier: Apache-2.0
 *
 * The C interface of libmemwhy_govern.so: a pool of KV blocks with tenants. C99 and C++. Every
 * function that can fail returns a status, 0 for success; a status has a name
 * (memwhy_govern_status_name), and what failed has changed nothing. Any thread, but a pool is not
 * used while it is destroyed. No function throws. Null where an object is needed: bad_argument.
 *
 * What operations mean: docs/govern.md. Structures only grow, at their end: `size` is the
 * caller's sizeof, so that a later library knows what the caller has.
 */
#ifndef MEMWHY_GOVERN_H
#define MEMWHY_GOVERN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define MEMWHY_GOVERN_ABI 1

typedef struct memwhy_pool memwhy_pool;

typedef struct {
  uint32_t size; /* sizeof(memwhy_pool_options) */
  int32_t slab;  /* 0 none, 1 host, 2 pinned (mlock), 3 external */
  uint64_t blocks;
  uint64_t max_blocks; /* what a resize may reach; 0: as `blocks`, without a slab any */
  uint64_t block_bytes;
  void* external_base;
  uint64_t events;  /* how many events are kept; 0: none */
  uint64_t salt[2]; /* of token hashes; both 0: random */
} memwhy_pool_options;

typedef struct {
  uint32_t size; /* sizeof(memwhy_tenant_limits) */
  int32_t lends;
  const char* name;
  uint64_t quota_blocks;
  uint64_t borrow_blocks;
  uint64_t max_requests; /* 0: any number */
  double soft_mark;
  double hard_mark;
} memwhy_tenant_limits;

typedef struct {
  uint64_t low;
  uint64_t high;
} memwhy_hash;

typedef struct {
  int32_t from;
  int32_t to;
} memwhy_block_copy;

typedef struct {
  int32_t kind; /* 0 cached, 1 uncached, 2 mark, 3 give back, 4 resized */
  int32_t block;
  uint32_t tenant;
  uint32_t unused;
  memwhy_hash hash;
  uint64_t value;
  uint64_t time_ns; /* CLOCK_MONOTONIC */
} memwhy_pool_event;

uint32_t memwhy_govern_abi_version(void);
const char* memwhy_govern_status_name(int32_t status);
const char* memwhy_govern_status_text(int32_t status);

int32_t memwhy_pool_create(const memwhy_pool_options* options, memwhy_pool** pool);
/* Null is fine. */
void memwhy_pool_destroy(memwhy_pool* pool);

int32_t memwhy_pool_add_tenant(memwhy_pool* pool, const memwhy_tenant_limits* limits,
                               uint32_t* tenant);
int32_t memwhy_pool_change_tenant(memwhy_pool* pool, uint32_t tenant,
                                  const memwhy_tenant_limits* limits);
int32_t memwhy_pool_find_tenant(const memwhy_pool* pool, const char* name, uint32_t* tenant);

/* Tenant 0 is "default". `reservation` 0: none. */
int32_t memwhy_pool_alloc(memwhy_pool* pool, uint32_t tenant, uint64_t reservation, int32_t* blocks,
                          size_t count);
int32_t memwhy_pool_can_alloc(const memwhy_pool* pool, uint32_t tenant, uint64_t count);
int32_t memwhy_pool_free(memwhy_pool* pool, const int32_t* blocks, size_t count);
int32_t memwhy_pool_touch(memwhy_pool* pool, const int32_t* blocks, size_t count);
int32_t memwhy_pool_cache(memwhy_pool* pool, uint32_t tenant, const int32_t* blocks,
                          const memwhy_hash* hashes, size_t count, size_t* added);
/* `blocks` has room for `count`. `hold` not 0: one holder more for each that is found. */
int32_t memwhy_pool_match_prefix(memwhy_pool* pool, uint32_t tenant, const memwhy_hash* hashes,
                                 size_t count, int32_t hold, int32_t* blocks, size_t* found);
/* `previous` null: the first block of a prompt. */
int32_t memwhy_pool_hash_tokens(const memwhy_pool* pool, uint32_t tenant,
                                const memwhy_hash* previous, const uint32_t* tokens, size_t count,
                                memwhy_hash* hash);
int32_t memwhy_pool_fork(memwhy_pool* pool, const int32_t* blocks, size_t count);
int32_t memwhy_pool_write(memwhy_pool* pool, int32_t block, int32_t* writable);
size_t memwhy_pool_take_copies(memwhy_pool* pool, memwhy_block_copy* copies, size_t room);
int32_t memwhy_pool_set_priority(memwhy_pool* pool, const int32_t* blocks, size_t count,
                                 int32_t priority);
size_t memwhy_pool_reset_prefixes(memwhy_pool* pool);
int32_t memwhy_pool_reserve(memwhy_pool* pool, uint32_t tenant, uint64_t count,
                            uint64_t* reservation);
int32_t memwhy_pool_cancel(memwhy_pool* pool, uint64_t reservation);
int32_t memwhy_pool_begin_request(memwhy_pool* pool, uint32_t tenant);
int32_t memwhy_pool_end_request(memwhy_pool* pool, uint32_t tenant);
int32_t memwhy_pool_resize(memwhy_pool* pool, uint64_t blocks);
int32_t memwhy_pool_address(const memwhy_pool* pool, int32_t block, void** address);
int32_t memwhy_pool_references(const memwhy_pool* pool, int32_t block, uint32_t* references);
size_t memwhy_pool_take_events(memwhy_pool* pool, memwhy_pool_event* events, size_t room);
/* `what`, if not null: the broken invariant, or "". */
int32_t memwhy_pool_verify(const memwhy_pool* pool, const char** what);
int32_t memwhy_pool_publish(memwhy_pool* pool, const char* path);
/* Writes at most `room` bytes with the closing zero; `needed` is what the whole text takes. */
int32_t memwhy_pool_json(const memwhy_pool* pool, char* text, size_t room, size_t* needed);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif /* MEMWHY_GOVERN_H */
