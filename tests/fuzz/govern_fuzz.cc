// SPDX-License-Identifier: Apache-2.0
//
// Any calls, in any order and with any arguments, over the C interface of the KV block pool. Input:
// bytes; each operation takes one and its arguments. The pool is whole after every call, a refused
// call changes nothing, and what the calls say they gave agrees with the pool's own count.
#include <array>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "govern/abi/memwhy_govern.h"

namespace {

using namespace memwhy;

constexpr int32_t kOk = 0;

class Player {
 public:
  explicit Player(std::string_view input) : input_(input) {
    memwhy_pool_options options{};
    options.size = sizeof options;
    options.blocks = 1 + Byte() % 40;
    options.max_blocks = Byte() % 2 == 0 ? options.blocks + Byte() % 64 : 1 + Byte() % 64;
    options.slab = Byte() % 3 == 0 ? 1 : 0;
    options.block_bytes = Byte() % 2 == 0 ? 4096 : Byte();
    options.events = Byte() % 8;
    options.salt[0] = 1;
    status_ = memwhy_pool_create(&options, &pool_);
  }
  ~Player() { memwhy_pool_destroy(pool_); }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  void Play() {
    if (status_ != kOk) {
      MEMWHY_FUZZ_EXPECT(pool_ == nullptr);
      return;
    }
    for (int step = 0; step < 400 && !input_.empty(); ++step) {
      const std::string before = State();
      const bool may_differ = Step();
      const char* what = "";
      if (memwhy_pool_verify(pool_, &what) != kOk) {
        std::fprintf(stderr, "%s\n", what);
        MEMWHY_FUZZ_EXPECT(false);
      }
      if (!may_differ) MEMWHY_FUZZ_EXPECT(State() == before);
    }
  }

 private:
  std::uint8_t Byte() { return fuzz::Take<std::uint8_t>(&input_); }
  // Mostly small, at times anything.
  std::uint64_t Number() {
    const std::uint8_t byte = Byte();
    return byte == 255 ? fuzz::Take<std::uint64_t>(&input_) : byte;
  }
  std::uint32_t Tenant() {
    const std::uint8_t byte = Byte();
    return byte == 255 ? fuzz::Take<std::uint32_t>(&input_) : byte % 6;
  }
  std::vector<int32_t> Blocks() {
    std::vector<int32_t> blocks(Byte() % 7);
    for (int32_t& block : blocks) {
      const std::uint8_t byte = Byte();
      block = byte == 255 ? fuzz::Take<int32_t>(&input_) : byte % 66 - 1;
    }
    return blocks;
  }
  std::vector<memwhy_hash> Hashes(std::size_t count) {
    std::vector<memwhy_hash> hashes(count);
    for (memwhy_hash& hash : hashes) hash = {Byte() % 24u, 0};
    return hashes;
  }
  memwhy_tenant_limits Limits(std::string* name) {
    *name = std::string(1, static_cast<char>(Byte()));
    memwhy_tenant_limits limits{};
    limits.size = sizeof limits;
    limits.name = name->c_str();
    limits.quota_blocks = Number();
    limits.borrow_blocks = Number();
    limits.max_requests = Byte() % 4;
    limits.lends = Byte() % 2;
    limits.soft_mark = Byte() / 200.0;
    limits.hard_mark = Byte() / 200.0;
    return limits;
  }

  // Without the time and what a refusal may change: its count and, with lent_out, claims, debts and
  // the events that tell of them, which may find no room.
  std::string State() {
    std::array<char, 8192> text{};
    std::size_t needed = 0;
    MEMWHY_FUZZ_EXPECT(memwhy_pool_json(pool_, text.data(), text.size(), &needed) == kOk);
    MEMWHY_FUZZ_EXPECT(needed == std::strlen(text.data()) + 1 || needed > text.size());
    std::string state = text.data();
    for (const std::string_view key : {"\"wall_ns\":", "\"refused_total\":", "\"refused\":",
                                       "\"owed\":", "\"claimed\":", "\"lost_events\":"}) {
      for (std::size_t at = state.find(key); at != std::string::npos;
           at = state.find(key, at + 1)) {
        const std::size_t begin = at + key.size();
        state.erase(begin, state.find(',', begin) - begin);
      }
    }
    return state;
  }

  // True if the state may have changed: the call succeeded.
  bool Step() {
    switch (Byte() % 20) {
      case 0: {
        std::string name;
        const memwhy_tenant_limits limits = Limits(&name);
        std::uint32_t tenant = 0;
        return memwhy_pool_add_tenant(pool_, &limits, &tenant) == kOk;
      }
      case 1: {
        const std::uint32_t tenant = Tenant();
        std::string name;
        const memwhy_tenant_limits limits = Limits(&name);
        return memwhy_pool_change_tenant(pool_, tenant, &limits) == kOk;
      }
      case 2:
      case 3:
      case 4: {
        std::vector<int32_t> blocks(Byte() % 12);
        const std::uint32_t tenant = Tenant();
        const std::uint64_t reservation = Byte() % 4 == 0 ? Number() : 0;
        const int32_t status =
            memwhy_pool_alloc(pool_, tenant, reservation, blocks.data(), blocks.size());
        for (std::size_t i = 0; status == kOk && i < blocks.size(); ++i) {
          std::uint32_t references = 0;
          MEMWHY_FUZZ_EXPECT(memwhy_pool_references(pool_, blocks[i], &references) == kOk);
          MEMWHY_FUZZ_EXPECT(references == 1);
        }
        return status == kOk;
      }
      case 5:
      case 6: {
        const std::vector<int32_t> blocks = Blocks();
        return memwhy_pool_free(pool_, blocks.data(), blocks.size()) == kOk;
      }
      case 7: {
        const std::vector<int32_t> blocks = Blocks();
        return memwhy_pool_touch(pool_, blocks.data(), blocks.size()) == kOk;
      }
      case 8:
      case 9: {
        const std::uint32_t tenant = Tenant();
        const std::vector<int32_t> blocks = Blocks();
        const std::vector<memwhy_hash> hashes = Hashes(blocks.size());
        std::size_t added = 0;
        const int32_t status =
            memwhy_pool_cache(pool_, tenant, blocks.data(), hashes.data(), blocks.size(), &added);
        MEMWHY_FUZZ_EXPECT(added <= blocks.size());
        return status == kOk;
      }
      case 10: {
        const std::uint32_t tenant = Tenant();
        const std::vector<memwhy_hash> hashes = Hashes(Byte() % 6);
        std::vector<int32_t> blocks(hashes.size());
        std::size_t found = 0;
        const int32_t status = memwhy_pool_match_prefix(pool_, tenant, hashes.data(), hashes.size(),
                                                        Byte() % 2, blocks.data(), &found);
        MEMWHY_FUZZ_EXPECT(found <= hashes.size());
        return status == kOk;
      }
      case 11: {
        const std::vector<int32_t> blocks = Blocks();
        return memwhy_pool_fork(pool_, blocks.data(), blocks.size()) == kOk;
      }
      case 12: {
        const std::vector<int32_t> blocks = Blocks();
        int32_t writable = -1;
        const int32_t block = blocks.empty() ? 0 : blocks[0];
        return memwhy_pool_write(pool_, block, &writable) == kOk;
      }
      case 13: {
        std::array<memwhy_block_copy, 4> copies{};
        std::array<memwhy_pool_event, 4> events{};
        MEMWHY_FUZZ_EXPECT(memwhy_pool_take_copies(pool_, copies.data(), 4) <= 4);
        MEMWHY_FUZZ_EXPECT(memwhy_pool_take_events(pool_, events.data(), 4) <= 4);
        return true;
      }
      case 14: {
        const std::vector<int32_t> blocks = Blocks();
        return memwhy_pool_set_priority(pool_, blocks.data(), blocks.size(),
                                        static_cast<int32_t>(Byte()) % 6 - 1) == kOk;
      }
      case 15: {
        std::uint64_t reservation = 0;
        const std::uint32_t tenant = Tenant();
        return memwhy_pool_reserve(pool_, tenant, Number(), &reservation) == kOk;
      }
      case 16:
        return memwhy_pool_cancel(pool_, Number()) == kOk;
      case 17:
        return (Byte() % 2 == 0 ? memwhy_pool_begin_request(pool_, Tenant())
                                : memwhy_pool_end_request(pool_, Tenant())) == kOk;
      case 18: {
        const std::vector<int32_t> blocks = Blocks();
        void* address = nullptr;
        if (!blocks.empty() && memwhy_pool_address(pool_, blocks[0], &address) == kOk) {
          MEMWHY_FUZZ_EXPECT(address != nullptr);
        }
        return memwhy_pool_resize(pool_, Number()) == kOk;
      }
      default:
        if (Byte() % 8 != 0) return memwhy_pool_can_alloc(pool_, Tenant(), Number()) == kOk;
        memwhy_pool_reset_prefixes(pool_);
        return true;
    }
  }

  std::string_view input_;
  memwhy_pool* pool_ = nullptr;
  int32_t status_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Player(fuzz::AsText(data, size)).Play();
  return 0;
}
