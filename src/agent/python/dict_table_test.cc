// SPDX-License-Identifier: Apache-2.0
#include "agent/python/dict_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "agent/ground/agent.h"

namespace memwhy::agent {
namespace {

using cpython::Address;

// A dict with a table of 8 slots, as CPython 3.`minor` lays it out.
class DictTableTest : public testing::TestWithParam<int> {
 protected:
  static constexpr std::uint32_t kLog2At = 8;  // dk_log2_size, 3.11+
  static constexpr int kLog2 = 3;

  void SetUp() override {
    layout_ = cpython::FindLayout(GetParam());
    ASSERT_NE(layout_, nullptr);
    g_agent.python.layout = layout_;
    Put(dict_, layout_->dict_keys, Keys());
    if (layout_->keys_size != cpython::kAbsent) {
      Put(keys_, layout_->keys_size, std::int64_t{1} << kLog2);
    } else {
      Put(keys_, kLog2At, std::uint8_t{kLog2});
      Put(keys_, layout_->keys_log2_index_bytes, std::uint8_t{kLog2});
    }
    Put(keys_, layout_->keys_entry_count, std::int64_t{5});
  }
  void TearDown() override { g_agent.python.layout = nullptr; }

  template <typename T>
  static void Put(std::uint64_t* object, std::uint32_t offset, T value) {
    std::memcpy(reinterpret_cast<char*>(object) + offset, &value, sizeof(value));
  }
  bool HasKinds() const { return layout_->keys_kind != cpython::kAbsent; }
  Address Dict() const { return reinterpret_cast<Address>(dict_); }
  Address Keys() const { return reinterpret_cast<Address>(keys_); }

  const cpython::Layout* layout_ = nullptr;
  std::uint64_t dict_[16] = {};
  std::uint64_t keys_[64] = {};
  std::uint64_t values_[16] = {};
};

TEST_P(DictTableTest, EntriesFollowTheIndex) {
  const DictTable table = FindTable(Dict());
  EXPECT_EQ(table.entries, Keys() + layout_->keys_indices + (1u << kLog2));
  EXPECT_EQ(table.count, 5);
  EXPECT_EQ(table.entry_bytes, 24u);
  EXPECT_EQ(table.values, 0u);
  EXPECT_EQ(KeysLog2(Keys()), kLog2);
  EXPECT_EQ(IndexBytes(Keys()), 1 << kLog2);
}

TEST_P(DictTableTest, KeysThatAreAllTextHaveShortEntries) {
  EXPECT_FALSE(HasShortEntries(Keys()));
  if (!HasKinds()) return;  // all entries are long up to 3.10
  Put(keys_, layout_->keys_kind, std::uint8_t{1});
  EXPECT_TRUE(HasShortEntries(Keys()));
  EXPECT_EQ(FindTable(Dict()).entry_bytes, 16u);
}

TEST_P(DictTableTest, ASplitTableHasItsValuesApart) {
  Put(dict_, layout_->dict_values, reinterpret_cast<Address>(values_));
  const bool has_head = GetParam() >= 13;
  if (has_head) {  // {capacity, size, embedded, valid}
    const std::uint8_t head[4] = {4, 3, 1, 1};
    std::memcpy(values_, head, sizeof(head));
  }
  const DictTable table = FindTable(Dict());
  EXPECT_EQ(table.values, reinterpret_cast<Address>(values_) + (has_head ? 8 : 0));
  EXPECT_EQ(table.is_embedded, has_head);
  EXPECT_EQ(table.count, has_head ? 4 : 5);  // no more than there is room for
}

TEST_P(DictTableTest, ACountThatNoTableHasIsDamage) {
  Put(keys_, layout_->keys_entry_count, std::int64_t{-1});
  EXPECT_EQ(FindTable(Dict()).count, 0);
  Put(keys_, layout_->keys_entry_count, std::int64_t{1} << 41);
  EXPECT_EQ(FindTable(Dict()).count, 0);
}

TEST_P(DictTableTest, WithoutKeysThereIsNoTable) {
  Put(dict_, layout_->dict_keys, Address{0});
  const DictTable table = FindTable(Dict());
  EXPECT_EQ(table.entries, 0u);
  EXPECT_EQ(table.count, 0);
}

INSTANTIATE_TEST_SUITE_P(Versions, DictTableTest, testing::Values(8, 9, 10, 11, 12, 13, 14));

TEST(DictTableRoomTest, TwoThirdsOfTheSlotsAreUsed) {
  EXPECT_EQ(UsableEntries(3), 5);
  EXPECT_EQ(UsableEntries(4), 10);
  EXPECT_EQ(UsableEntries(16), 43690);
}

}  // namespace
}  // namespace memwhy::agent
