// SPDX-License-Identifier: Apache-2.0
#include "monitor/tree_ledger.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/fake_file_system.h"

namespace memwhy::monitor {
namespace {

using namespace std::string_literals;

class TreeLedgerTest : public ::testing::Test {
 protected:
  void AddProcess(pid_t pid, pid_t parent, int anon_kib, int file_kib, int shmem_kib,
                  const std::string& cgroup) {
    const std::string folder = fmt::format("/proc/{}", pid);
    fs_.AddFile(folder + "/stat",
                fmt::format("{} (python3) S {} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 1000 25 0 0 "
                            "0\n",
                            pid, parent));
    fs_.AddFile(folder + "/cmdline", "python3\0"s + fmt::format("w{}.py", pid) + "\0"s);
    fs_.AddFile(folder + "/cgroup", cgroup);
    fs_.AddFile(
        folder + "/smaps_rollup",
        fmt::format("5500-7ff0 ---p 00000000 00:00 0    [rollup]\nRss: {} kB\nPss: {} kB\n"
                    "Pss_Anon: {} kB\nPss_File: {} kB\nPss_Shmem: {} kB\n"
                    "Private_Clean: 1 kB\nPrivate_Dirty: 2 kB\nSwap: 0 kB\n",
                    2 * anon_kib, anon_kib + file_kib + shmem_kib, anon_kib, file_kib, shmem_kib));
  }

  Bytes Share(const model::Ledger& ledger, const std::string& name) {
    for (const model::Share& share : ledger.shares) {
      if (share.name == name) return share.bytes;
    }
    return 0;
  }

  void ExpectBalance(const model::Ledger& ledger) {
    SignedBytes sum = ledger.unattributed;
    for (const model::Share& share : ledger.shares) sum += static_cast<SignedBytes>(share.bytes);
    EXPECT_EQ(sum, static_cast<SignedBytes>(ledger.total));
  }

  FakeFileSystem fs_;
};

TEST_F(TreeLedgerTest, TheSharesOfATreeFitTheChargeOfVersion2) {
  fs_.AddFile("/proc/self/mountinfo", "35 31 0:32 / /cg rw - cgroup2 cgroup2 rw\n");
  AddProcess(10, 1, 1000, 100, 50, "0::/app\n");
  AddProcess(11, 10, 400, 100, 50, "0::/app/w\n");
  AddProcess(12, 1, 300, 10, 0, "0::/app\n");
  fs_.AddFile("/cg/app/cgroup.procs", "10\n12\n").AddFile("/cg/app/w/cgroup.procs", "11\n");
  fs_.AddFile("/cg/app/memory.current", fmt::format("{}\n", 3000 * 1024));
  fs_.AddFile("/cg/app/memory.stat",
              fmt::format("anon {}\nfile {}\nshmem {}\nkernel {}\nsock {}\n", 1700 * 1024,
                          1000 * 1024, 400 * 1024, 200 * 1024, 20 * 1024));
  const auto tree = LookAtTree(fs_, 10);
  ASSERT_TRUE(tree) << tree.error().message();
  ASSERT_EQ(tree->members.size(), 2u);
  EXPECT_EQ(tree->members[0].pid, 10);
  EXPECT_EQ(tree->members[0].pss, 1150u * 1024);
  EXPECT_EQ(tree->members[0].uss, 3u * 1024);
  ASSERT_TRUE(tree->cgroup);
  const model::Ledger& ledger = *tree->cgroup;
  ExpectBalance(ledger);
  EXPECT_EQ(ledger.total, 3000u * 1024);
  EXPECT_EQ(Share(ledger, "anonymous memory of 10 python3 w10.py"), 1000u * 1024);
  EXPECT_EQ(Share(ledger, "anonymous memory of 11 python3 w11.py"), 400u * 1024);
  EXPECT_EQ(Share(ledger, "anonymous memory of 1 other processes"), 300u * 1024);
  EXPECT_EQ(Share(ledger, "shared memory, mapped by processes"), 100u * 1024);
  EXPECT_EQ(Share(ledger, "shared memory, in no process"), 300u * 1024);
  EXPECT_EQ(Share(ledger, "page cache, mapped by processes"), 210u * 1024);
  EXPECT_EQ(Share(ledger, "page cache, in no process"), 390u * 1024);
  EXPECT_EQ(Share(ledger, "kernel memory"), 200u * 1024);
  EXPECT_EQ(Share(ledger, "network buffers"), 20u * 1024);
  EXPECT_EQ(ledger.unattributed, 80 * 1024);
}

TEST_F(TreeLedgerTest, ReadsVersion1) {
  fs_.AddFile("/proc/self/mountinfo", "36 31 0:33 / /cg1 rw - cgroup cgroup rw,memory\n");
  AddProcess(10, 1, 1000, 0, 0, "4:memory:/app\n0::/\n");
  fs_.AddFile("/cg1/app/cgroup.procs", "10\n");
  fs_.AddFile("/cg1/app/memory.usage_in_bytes", fmt::format("{}\n", 1100 * 1024));
  fs_.AddFile("/cg1/app/memory.kmem.usage_in_bytes", fmt::format("{}\n", 90 * 1024));
  fs_.AddFile("/cg1/app/memory.stat", "total_rss 1024000\ntotal_cache 0\ntotal_shmem 0\n");
  const auto tree = LookAtTree(fs_, 10);
  ASSERT_TRUE(tree) << tree.error().message();
  ASSERT_TRUE(tree->cgroup);
  ExpectBalance(*tree->cgroup);
  EXPECT_EQ(tree->cgroup->unattributed, 10 * 1024);
}

TEST_F(TreeLedgerTest, AProcessInAnotherCgroupIsNotBookedHere) {
  fs_.AddFile("/proc/self/mountinfo", "35 31 0:32 / /cg rw - cgroup2 cgroup2 rw\n");
  AddProcess(10, 1, 1000, 0, 0, "0::/app\n");
  AddProcess(11, 10, 400, 0, 0, "0::/apple\n");
  fs_.AddFile("/cg/app/cgroup.procs", "10\n").AddFile("/cg/apple/cgroup.procs", "11\n");
  fs_.AddFile("/cg/app/memory.current", fmt::format("{}\n", 1000 * 1024));
  const auto tree = LookAtTree(fs_, 10);
  ASSERT_TRUE(tree);
  ASSERT_TRUE(tree->cgroup);
  EXPECT_EQ(tree->members.size(), 2u);
  EXPECT_EQ(tree->cgroup->unattributed, 0);
  EXPECT_NE(tree->cgroup->note.find("1 of the tree's processes"), std::string::npos);
}

TEST_F(TreeLedgerTest, SaysWhichRightIsMissing) {
  fs_.AddFile("/proc/self/mountinfo", "");
  AddProcess(10, 1, 1000, 0, 0, "0::/app\n");
  fs_.AddFailure("/proc/10/smaps_rollup", "Permission denied");
  const auto tree = LookAtTree(fs_, 10);
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->members[0].pss, std::nullopt);
  ASSERT_FALSE(tree->notes.empty());
  EXPECT_NE(tree->notes[0].find("CAP_SYS_PTRACE"), std::string::npos);
}

}  // namespace
}  // namespace memwhy::monitor
