// SPDX-License-Identifier: Apache-2.0
#include "govern/status.h"

#include <array>
#include <cstddef>

namespace memwhy::govern {
namespace {

struct Words {
  const char* name;
  const char* text;
};

constexpr std::array<Words, 27> kWords = {{
    {"ok", "done"},
    {"pool_exhausted", "the pool has not enough blocks that this tenant may take"},
    {"quota_exceeded", "the tenant would hold more than its quota and its borrowing limit"},
    {"lent_out", "the blocks are lent to other tenants, which were asked to give them back"},
    {"owes_blocks", "the tenant must give back borrowed blocks before it borrows more"},
    {"too_many_requests", "the tenant has its maximum of concurrent requests"},
    {"at_hard_mark", "the tenant holds its hard mark and gets no new request"},
    {"block_is_free", "nobody holds this block: it was freed before or never allocated"},
    {"foreign_block", "no block of this pool has this number"},
    {"block_given_twice", "one call names a block two times"},
    {"other_tenant", "the block is charged to another tenant"},
    {"unknown_tenant", "no tenant of this pool has this number or name"},
    {"unknown_reservation", "no open reservation has this number"},
    {"reservation_exceeded", "the reservation has not so many blocks left"},
    {"resize_below_held", "more blocks are held and reserved than the pool would keep"},
    {"resize_beyond_slab", "the slab has no room for so many blocks"},
    {"quota_beyond_slab", "the quotas of all tenants together exceed the pool"},
    {"no_slab", "the pool counts blocks only: it has no slab and so no addresses"},
    {"bad_argument", "an argument is out of its range"},
    {"out_of_memory", "the operating system gave no memory"},
    {"cached_otherwise", "the block is cached under another hash"},
    {"duplicate_tenant", "a tenant of this name exists"},
    {"no_active_request", "the tenant has no active request that could end"},
    {"too_many_holders", "the block's reference count would overflow"},
    {"too_many_tenants", "the pool has its maximum of tenants"},
    {"corrupt", "an invariant of the pool is broken"},
    {"page_failed", "the file that other processes read cannot be made"},
}};

constexpr Words kUnknown = {"unknown_status", "no known status"};

const Words& WordsOf(Status status) {
  const auto number = static_cast<std::size_t>(status);
  return number < kWords.size() ? kWords[number] : kUnknown;
}

}  // namespace

const char* StatusName(Status status) { return WordsOf(status).name; }
const char* StatusText(Status status) { return WordsOf(status).text; }

}  // namespace memwhy::govern
