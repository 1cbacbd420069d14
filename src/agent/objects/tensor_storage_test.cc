// SPDX-License-Identifier: Apache-2.0
//
// Classes of PyTorch's names with members where PyTorch has them, as words. Those of StorageImpl
// are from processes with torch 1.13, 2.11 and 2.13; of the device's, from an H100.
#include "agent/objects/tensor_storage.h"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <memory>
#include <vector>

namespace c10 {
struct TensorImpl {
  virtual ~TensorImpl() = default;
};
struct StorageImpl {
  virtual ~StorageImpl() = default;
};
struct Allocator {
  virtual ~Allocator() = default;
};
}  // namespace c10

namespace at {
struct SparseTensorImpl : c10::TensorImpl {};
struct MapAllocator {
  virtual ~MapAllocator() = default;
};
struct FunctionalStorageImpl : c10::StorageImpl {};
}  // namespace at

namespace torch::autograd {
struct AutogradMeta {
  virtual ~AutogradMeta() = default;
};
}  // namespace torch::autograd

namespace memwhy::agent {
namespace {

using Word = std::uint64_t;

void Delete(void*) {}
const Word kDeleter = reinterpret_cast<Word>(&Delete);
constexpr Word kJoint = 0x100000001;       // both counts
constexpr Word kCpu = 0x5b2029396235ff00;  // six bytes of anything

template <typename Class>
Word TableOf() {
  static const Class kObject;
  Word table = 0;
  std::memcpy(&table, static_cast<const void*>(&kObject), sizeof(table));
  return table;
}

class TensorStorageTest : public testing::Test {
 protected:
  // Memory that stays where it is.
  Word Put(std::initializer_list<Word> words, std::size_t room = 40) {
    auto& memory = memory_.emplace_back(std::make_unique<Word[]>(room));
    std::copy(words.begin(), words.end(), memory.get());
    return reinterpret_cast<Word>(memory.get());
  }
  // As torch has them since 2.1, and before.
  Word PutStorage(Word data, Word deleter, Word context, Word device, Word bytes, Word allocator) {
    return Put({TableOf<c10::StorageImpl>(), kJoint, data, deleter, context, device, bytes, 0x100,
                allocator, 0});
  }
  Word PutOldStorage(Word data, Word deleter, Word context, Word device, Word bytes,
                     Word allocator) {
    return Put({TableOf<c10::StorageImpl>(), 1, 1, data, deleter, context, device, bytes,
                0x5d396235000100, allocator});
  }
  Word PutOwned(Word bytes) {
    const Word data = Put({});
    return PutStorage(data, kDeleter, data, kCpu, bytes, allocator_);
  }
  Word PutTensor(Word storage, Word autograd = 0) {
    return Put({TableOf<c10::TensorImpl>(), kJoint, storage, autograd});
  }
  // The body of a Python object, and what is behind it.
  std::vector<TensorStorage> Find(std::initializer_list<Word> body) {
    const Word object = Put(body);
    map_.Load();
    storages_.Find(object, static_cast<std::int64_t>(8 * body.size()));
    std::vector<TensorStorage> found;
    for (std::size_t i = 0; i < storages_.count(); ++i) found.push_back(storages_.at(i));
    return found;
  }
  bool Read(Word storage) {
    map_.Load();
    return storages_.Read(storage, &read_);
  }

  std::vector<std::unique_ptr<Word[]>> memory_;
  const Word allocator_ = Put({TableOf<c10::Allocator>()});
  MemoryMap map_;
  TensorStorages storages_{map_};
  TensorStorage read_;
};

TEST_F(TensorStorageTest, BothFormsAreRead) {
  const Word data = Put({});
  for (const Word storage : {PutStorage(data, kDeleter, data, kCpu, 40, allocator_),
                             PutOldStorage(data, kDeleter, data, kCpu, 40, allocator_)}) {
    ASSERT_TRUE(Read(storage));
    EXPECT_EQ(read_.data, data);
    EXPECT_EQ(read_.bytes, 40u);
    EXPECT_FALSE(read_.is_device);
    EXPECT_TRUE(read_.is_owned);
    EXPECT_EQ(read_.device_index, -1);
  }
}

TEST_F(TensorStorageTest, MemoryOfADeviceNeedNotBeReadable) {
  constexpr Word kData = 0x7f68c7c00000;
  ASSERT_TRUE(Read(Put({TableOf<c10::StorageImpl>(), 0x100000003, kData, kDeleter, kData, 0x1,
                        0x4000000, 0x100, allocator_, 0})));
  EXPECT_TRUE(read_.is_device);
  EXPECT_EQ(read_.device_type, 1);
  EXPECT_EQ(read_.device_index, 0);
  EXPECT_EQ(read_.data, kData);
  EXPECT_EQ(read_.bytes, 0x4000000u);
}

TEST_F(TensorStorageTest, PinnedAndMappedMemoryIsTorchsOwnAndLentMemoryIsNot) {
  const Word data = Put({});
  const Word block = Put({0, 0, 0, 0, 0, 0x1000000, data});
  ASSERT_TRUE(Read(PutStorage(data, kDeleter, block, 0xff00, 0x1000000, allocator_)));
  EXPECT_TRUE(read_.is_owned);
  const Word mapping = Put({TableOf<at::MapAllocator>()});
  ASSERT_TRUE(Read(PutStorage(data, kDeleter, mapping, kCpu, 1200000, 0)));
  EXPECT_TRUE(read_.is_owned);
  const Word lender = Put({data, Put({})});
  ASSERT_TRUE(Read(PutStorage(data, kDeleter, lender, kCpu, 40000, 0)));
  EXPECT_FALSE(read_.is_owned);
  // Nobody gives it back: from_blob of C++.
  ASSERT_TRUE(Read(PutStorage(data, 0, 0, kCpu, 40000, 0)));
  EXPECT_FALSE(read_.is_owned);
}

TEST_F(TensorStorageTest, WhatDoesNotReadLikeAStorageIsLeftOut) {
  const Word data = Put({});
  EXPECT_FALSE(Read(PutStorage(0, kDeleter, 0, kCpu, 40, allocator_)));  // meta: no memory
  EXPECT_FALSE(Read(PutStorage(data, kDeleter, data, 0xff0e, 40, allocator_)));
  EXPECT_FALSE(Read(PutStorage(data, kDeleter, data, kCpu, 0, allocator_)));
  EXPECT_FALSE(Read(PutStorage(data, kDeleter, data, kCpu, Word{1} << 63, allocator_)));  // symbol
  EXPECT_FALSE(Read(PutStorage(data, data, data, kCpu, 40, allocator_)));  // no function
  EXPECT_FALSE(Read(PutStorage(data, kDeleter, data, 0xff15, 40, allocator_)));
  EXPECT_FALSE(Read(PutStorage(data, kDeleter, data, 0xfe01, 40, allocator_)));
  EXPECT_FALSE(Read(PutStorage(data, kDeleter, data, kCpu, 40, data)));  // no allocator
  EXPECT_FALSE(Read(PutStorage(16 << 20, kDeleter, 16 << 20, kCpu, 40, allocator_)));
  EXPECT_FALSE(Read(Put({TableOf<c10::StorageImpl>(), 0, 0, data, kDeleter, data, kCpu, 40, 0,
                         allocator_})));  // no counts
  EXPECT_FALSE(Read(0x1000));
}

TEST_F(TensorStorageTest, IsFoundBehindTensorsAndStorages) {
  const Word storage = PutOwned(40);
  EXPECT_EQ(Find({1, 0, PutTensor(storage)}).size(), 1u);
  EXPECT_EQ(Find({1, 0, 0, PutTensor(storage)}).size(), 1u);  // torch 1.13
  EXPECT_EQ(Find({1, 0, storage}).size(), 1u);
  EXPECT_EQ(Find({1, 0, allocator_, 77, ~Word{0}}).size(), 0u);
  // The object's head, and what lies behind its body, are not looked at.
  EXPECT_EQ(Find({PutTensor(storage), PutTensor(storage)}).size(), 0u);
}

TEST_F(TensorStorageTest, ASparseTensorHasThatOfItsParts) {
  const Word indices = PutTensor(PutOwned(160));
  const Word values = PutTensor(PutOwned(80));
  const Word sparse = Put({TableOf<at::SparseTensorImpl>(), kJoint});
  auto* words = reinterpret_cast<Word*>(sparse);
  words[24] = indices;
  words[25] = values;
  const auto found = Find({1, 0, sparse});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].bytes, 160u);
  EXPECT_EQ(found[1].bytes, 80u);
  // A plain tensor's later words are another's memory.
  words[0] = TableOf<c10::TensorImpl>();
  EXPECT_EQ(Find({1, 0, sparse}).size(), 0u);
}

TEST_F(TensorStorageTest, WhatNobodyClearedIsNotLookedAt) {
  const Word tensor = PutTensor(PutOwned(40));
  // Room for strides, of another tensor before.
  for (int i = 9; i < 18; ++i) reinterpret_cast<Word*>(tensor)[i] = PutOwned(80);
  EXPECT_EQ(Find({1, 0, tensor}).size(), 1u);
}

TEST_F(TensorStorageTest, AGradientsIsTheTensorsAndEachOnce) {
  const Word own = PutOwned(40);
  const Word gradient = PutTensor(PutOwned(44));
  const Word stale = PutTensor(PutOwned(48));
  // An empty text, with what lay there before; and that of the older ABI.
  const Word autograd = Put({TableOf<torch::autograd::AutogradMeta>(), 0, 0, 0, stale, gradient});
  reinterpret_cast<Word*>(autograd)[1] = autograd + 24;
  const Word old = Put({TableOf<torch::autograd::AutogradMeta>(), allocator_, gradient, 0, stale});
  for (const Word meta : {autograd, old}) {
    const auto found = Find({1, 0, PutTensor(own, meta)});
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].bytes, 40u);
    EXPECT_EQ(found[1].bytes, 44u);
  }
  EXPECT_EQ(Find({1, 0, PutTensor(own), PutTensor(own)}).size(), 1u);
}

TEST_F(TensorStorageTest, ChainsOfTensorsEnd) {
  const Word autograd = Put({TableOf<torch::autograd::AutogradMeta>()});
  const Word tensor = PutTensor(PutOwned(40), autograd);
  reinterpret_cast<Word*>(autograd)[2] = tensor;
  EXPECT_EQ(Find({1, 0, tensor}).size(), 1u);
  const Word derived = Put({TableOf<at::FunctionalStorageImpl>(), kJoint, 8, 0, 0, kCpu, 40});
  EXPECT_EQ(Find({1, 0, derived}).size(), 0u);
}

}  // namespace
}  // namespace memwhy::agent
