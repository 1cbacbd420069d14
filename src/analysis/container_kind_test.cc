// SPDX-License-Identifier: Apache-2.0
#include "analysis/container_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/fake_case.h"

namespace memwhy::analysis {
namespace {

using testing::HasSubstr;

// The kind of a holder with this path; its text is the steps behind the module's name.
ContainerKind KindOf(std::vector<std::string> path, const std::string& holder_type,
                     const std::string& held, const std::string& element = "",
                     const std::string& owner = "", std::optional<double> per_operation = {}) {
  FakeCase fake;
  Finding finding;
  finding.what.type = held;
  finding.what.references_per_operation = per_operation;
  WhoHolds holder;
  for (const std::string& step : path) holder.text += step;
  holder.holder = holder.text;
  holder.path = std::move(path);
  holder.holder_type = holder_type;
  holder.element_type = element;
  holder.owner_type = owner;
  finding.who_holds = holder;
  return KindOfContainer(MakeCase(fake.recording, fake.stacks, fake.view, fake.ledgers, nullptr),
                         finding);
}

TEST(ContainerKindTest, ACachedMethodIsToldByTheInstanceInItsKeys) {
  const ContainerKind kind =
      KindOf({"module app", ".Model", ".score", ".<cache>", " key <tuple>", "[0]", ".weights"},
             "dict", "app.Model");
  EXPECT_STREQ(kind.id, "py.lru_method");
  EXPECT_THAT(kind.fix, HasSubstr("per instance"));
}

TEST(ContainerKindTest, ACachedFunctionIsNoMethod) {
  for (const auto& path : std::vector<std::vector<std::string>>{
           {"module app", ".load", ".<cache>", "[7]"},
           {"module app", ".load", ".<cache>", " key <tuple>", "[0]"},
           {"module app", ".Model", ".score", ".<cache>", "[7]"},
           {"module app", ".Model", ".score", ".<cache>", " key <tuple>", "[1]"}}) {
    const ContainerKind kind = KindOf(path, "dict", "bytes");
    EXPECT_STREQ(kind.id, "py.container_growth");
    EXPECT_THAT(kind.fix, HasSubstr("maxsize"));
  }
}

TEST(ContainerKindTest, WorkOfAQueueOfTheProgramsOwnClassWaits) {
  EXPECT_STREQ(KindOf({"module app", ".JOBS", "._queue"}, "collections.deque", "dict", "coroutine",
                      "app.JobQueue")
                   .id,
               "pending_work");
  // A deque of its own is a container, whatever it is for.
  EXPECT_STREQ(
      KindOf({"module app", ".JOBS", "._queue"}, "collections.deque", "dict", "dict", "app.Worker")
          .id,
      "py.container_growth");
}

TEST(ContainerKindTest, WhoWaitsForAQueueIsNotItsWork) {
  EXPECT_TRUE(IsWorkOfQueue("app.JOBS._queue", "asyncio.queues.Queue"));
  EXPECT_FALSE(IsWorkOfQueue("app.JOBS._getters", "asyncio.queues.Queue"));
  EXPECT_FALSE(IsWorkOfQueue("app.JOBS._queue", "app.Worker"));
}

TEST(ContainerKindTest, FunctionsInAListAreCallbacks) {
  const ContainerKind kind = KindOf({"module app", ".SIGNAL", ".receivers"}, "list", "method");
  EXPECT_STREQ(kind.id, "py.callback_accumulates");
  EXPECT_STREQ(KindOf({"module app", ".ROWS"}, "list", "dict").id, "py.container_growth");
}

// What is put in counts, whatever it holds: a bound method its object, a partial its arguments.
TEST(ContainerKindTest, FunctionsThatHoldMoreAreCallbacksAllTheSame) {
  EXPECT_STREQ(KindOf({"module app", ".RECEIVERS"}, "list", "app.View", "method").id,
               "py.callback_accumulates");
  EXPECT_STREQ(KindOf({"module app", ".BY_EVENT"}, "dict", "bytes", "functools.partial").id,
               "py.callback_accumulates");
  EXPECT_STREQ(KindOf({"atexit callback"}, "", "bytes").id, "py.callback_accumulates");
  // Work that waits is no registry.
  EXPECT_STREQ(KindOf({"module app", ".WORK"}, "collections.deque", "bytes", "function").id,
               "py.container_growth");
}

TEST(ContainerKindTest, AClientForEachRequestIsToldSo) {
  const std::vector<std::string> path = {"module app", ".CLIENTS"};
  const ContainerKind kind = KindOf(path, "dict", "ssl.SSLContext");
  EXPECT_STREQ(kind.id, "py.ssl_or_client_per_request");
  EXPECT_THAT(kind.fix, HasSubstr("share"));
  EXPECT_STREQ(KindOf(path, "list", "bytes", "httpx.Client").id, "py.ssl_or_client_per_request");
  EXPECT_STREQ(KindOf(path, "dict", "app.Client").id, "py.container_growth");
  // A pool that fills: one for a hundred requests.
  EXPECT_STREQ(KindOf(path, "dict", "ssl.SSLContext", "", "", 0.01).id, "py.container_growth");
}

TEST(ContainerKindTest, WhatWaitsInAQueueIsPendingWork) {
  const std::vector<std::string> path = {"module app", ".QUEUE", ".queue"};
  const ContainerKind kind = KindOf(path, "collections.deque", "app.Job", "", "queue.Queue");
  EXPECT_STREQ(kind.id, "pending_work");
  EXPECT_THAT(kind.fix, HasSubstr("maxsize"));
  EXPECT_STREQ(KindOf({"module app", ".Q"}, "_queue.SimpleQueue", "app.Job").id, "pending_work");
  // A deque of one's own, whatever it is called, is a container.
  EXPECT_STREQ(KindOf(path, "collections.deque", "app.Job", "", "app.History").id,
               "py.container_growth");
}

TEST(ContainerKindTest, WhatDebugSavesIsUncollectable) {
  EXPECT_STREQ(KindOf({"gc.garbage"}, "list", "app.Node").id, "py.uncollectable");
}

}  // namespace
}  // namespace memwhy::analysis
