// SPDX-License-Identifier: Apache-2.0
#include "analysis/container_kind.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "analysis/application_frame.h"
#include "analysis/heap/type_rank.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

// Of frames whose module belongs to `package`: whether any was seen, and whether all are a
// library's.
bool IsLibrary(const Case& one, std::string_view package) {
  bool is_seen = false;
  for (std::uint32_t i = 0; i < one.stacks.frame_count(); ++i) {
    const model::Frame& frame = one.stacks.frame(model::FrameId{i});
    const std::string_view module = frame.module;
    if (module.substr(0, module.find('.')) != package) continue;
    if (IsApplicationFrame(frame)) return false;
    is_seen = true;
  }
  return is_seen;
}

// The module below which the holder hangs; "" another root.
std::string_view RootModule(const WhoHolds& holder) {
  constexpr std::string_view kModule = "module ";
  if (holder.path.empty() || !StartsWith(holder.path.front(), kModule)) return "";
  return std::string_view(holder.path.front()).substr(kModule.size());
}

// Whether the user cannot change the container: it is the standard library's or a package's.
bool IsForeign(const Case& one, const WhoHolds& holder) {
  const std::string_view module = RootModule(holder);
  if (module.empty() || module == "__main__") return false;
  const std::string_view package = module.substr(0, module.find('.'));
  return RankOf(std::string(package) + ".") == TypeRank::kStandardLibrary ||
         IsLibrary(one, package);
}

std::string HowToBound(const WhoHolds& holder) {
  if (Contains(holder.holder_type, "list") || Contains(holder.holder_type, "deque")) {
    return "keep the last N only (collections.deque(maxlen=N)), or drop entries once they are used";
  }
  if (Contains(holder.holder_type, "set")) {
    return "remove members when what they stand for ends";
  }
  constexpr std::string_view kBuffers[] = {"bytearray", "array", "IO", "str", "bytes", "mmap"};
  const auto is_part = [&](std::string_view part) { return Contains(holder.holder_type, part); };
  if (std::any_of(std::begin(kBuffers), std::end(kBuffers), is_part)) {
    return "empty it, or begin a new one, when its content has been written out or used; or keep "
           "the last N bytes only";
  }
  return "evict the oldest entry beyond N (an OrderedDict with popitem(last=False), or a cache "
         "with a size and a time limit), or delete an entry when its owner ends";
}

// The results of a functools.lru_cache or cache.
constexpr std::string_view kCacheStep = ".<cache>";

// Whether the cache is a method's, and what stays hangs on the instance that its keys hold: the
// path goes through a class to the function, and on by the first argument of a key.
bool KeepsInstances(const WhoHolds& holder) {
  constexpr std::size_t kModuleClassAndMethod = 3;
  const auto& path = holder.path;
  const auto cache = std::find(path.begin(), path.end(), kCacheStep);
  const auto steps = static_cast<std::size_t>(cache - path.begin());
  return path.size() >= steps + 3 && steps >= kModuleClassAndMethod &&
         StartsWith(cache[1], " key <tuple>") && cache[2] == "[0]";
}

ContainerKind KindOfCache(const WhoHolds& holder) {
  if (KeepsInstances(holder)) {
    return {"py.lru_method", Kind::kUnboundedContainer,
            fmt::format("A key of {} holds the instance that the method was called on. Cache per "
                        "instance (functools.cached_property, or a dict in the instance), or let "
                        "a function cache by plain values.",
                        holder.holder)};
  }
  return {"py.container_growth", Kind::kUnboundedContainer,
          fmt::format("Give the cache of {} a maxsize that fits, or no cache at all where the "
                      "arguments rarely repeat.",
                      holder.holder)};
}

// What is there to be called later, and is rarely a queue of work.
bool IsRegistry(const WhoHolds& holder) {
  constexpr std::string_view kTypes[] = {"list", "set", "dict"};
  constexpr std::string_view kNames[] = {"hook",     "callback", "handler",
                                         "listener", "observer", "subscriber",
                                         "receiver", "atexit",   "finalizer"};
  const auto type_is = [&](std::string_view type) { return holder.holder_type == type; };
  const auto name_has = [&](std::string_view name) { return Contains(holder.holder, name); };
  return std::any_of(std::begin(kTypes), std::end(kTypes), type_is) ||
         std::any_of(std::begin(kNames), std::end(kNames), name_has);
}

// Costly to make and meant to be shared: each has a pool of connections or a context of TLS.
bool IsClient(std::string_view type) {
  constexpr std::string_view kClients[] = {"ssl.SSLContext",
                                           "http.client.HTTPSConnection",
                                           "httpx.Client",
                                           "httpx.AsyncClient",
                                           "requests.sessions.Session",
                                           "urllib3.poolmanager.PoolManager",
                                           "aiohttp.client.ClientSession",
                                           "botocore.client.BaseClient",
                                           "redis.client.Redis",
                                           "redis.asyncio.client.Redis",
                                           "pymongo.mongo_client.MongoClient",
                                           "sqlalchemy.engine.base.Engine",
                                           "grpc._channel.Channel",
                                           "grpc.aio._channel.Channel"};
  return std::find(std::begin(kClients), std::end(kClients), type) != std::end(kClients);
}

// One for many operations at most is a pool that fills.
bool IsPerOperation(const Finding& finding) {
  constexpr double kOften = 0.2;
  return finding.what.references_per_operation.value_or(1) >= kOften;
}

// Its class, or one of the program's own that extends it and says so by its name.
bool IsQueueType(std::string_view type) {
  return EndsWith(type, "Queue") || EndsWith(type, "queue");
}

// Work that waits until somebody takes it.
bool IsQueue(const WhoHolds& holder) {
  constexpr std::string_view kQueues[] = {"queue.Queue",
                                          "queue.LifoQueue",
                                          "queue.PriorityQueue",
                                          "_queue.SimpleQueue",
                                          "asyncio.queues.Queue",
                                          "asyncio.queues.LifoQueue",
                                          "asyncio.queues.PriorityQueue",
                                          "multiprocessing.queues.Queue",
                                          "multiprocessing.queues.JoinableQueue",
                                          "asyncio.unix_events._UnixSelectorEventLoop",
                                          "uvloop.Loop"};
  return IsWorkOfQueue(holder.holder, holder.owner_type) ||
         std::any_of(std::begin(kQueues), std::end(kQueues), [&](std::string_view type) {
           return holder.owner_type == type || holder.holder_type == type;
         });
}

bool IsFunction(std::string_view type) {
  return type == "function" || type == "method" || type == "functools.partial" ||
         type == "builtin_function_or_method";
}

}  // namespace

bool IsWorkOfQueue(std::string_view holder, std::string_view owner_type) {
  // asyncio's, queue's, multiprocessing's; never those that wait for work (_getters).
  constexpr std::string_view kPlaces[] = {"._queue", ".queue", "._buffer"};
  return IsQueueType(owner_type) &&
         std::any_of(std::begin(kPlaces), std::end(kPlaces),
                     [&](std::string_view place) { return EndsWith(holder, place); });
}

ContainerKind KindOfContainer(const Case& one, const Finding& finding) {
  const WhoHolds& holder = *finding.who_holds;
  const std::string where =
      finding.who_allocated ? " at " + CallableText(*finding.who_allocated) : "";
  const std::string_view element = finding.what.type;
  if (holder.holder == "gc.garbage") {
    return {"py.uncollectable", Kind::kUncollectableCycle,
            "Take gc.DEBUG_SAVEALL (or DEBUG_LEAK) out of gc.set_debug(): it keeps all that the "
            "collector finds in gc.garbage."};
  }
  if (StartsWith(holder.holder_type, "functools._lru_cache_wrapper") ||
      Contains(holder.text, kCacheStep)) {
    return KindOfCache(holder);
  }
  const bool is_metric = StartsWith(element, "prometheus_client.") ||
                         StartsWith(element, "opentelemetry.") ||
                         EndsWith(holder.holder, "._metrics");
  if (is_metric) {
    return {"py.metric_cardinality", Kind::kUnboundedContainer,
            fmt::format("Each distinct set of label values is a time series that stays. Take the "
                        "label whose values have no bound (an id, a path, a message) out of the "
                        "metric{}.",
                        where)};
  }
  const bool is_pile_of_functions =
      StartsWith(holder.holder, "atexit") ||
      ((IsFunction(element) || IsFunction(holder.element_type)) && IsRegistry(holder));
  if (is_pile_of_functions) {
    return {"py.callback_accumulates", Kind::kUnboundedContainer,
            fmt::format("Register once, not for each call{}; or take the callback out of {} when "
                        "what it serves ends.",
                        where, holder.holder)};
  }
  const std::string_view client = IsClient(element)               ? element
                                  : IsClient(holder.element_type) ? holder.element_type
                                                                  : std::string_view();
  if (!client.empty() && IsPerOperation(finding)) {
    return {"py.ssl_or_client_per_request", Kind::kUnboundedContainer,
            fmt::format("Make one {} when the program starts and share it; it is made for that. "
                        "Where each request{} needs its own, close it (with ...) when the request "
                        "ends, and keep it nowhere.",
                        client, where)};
  }
  if (IsQueue(holder)) {
    return {"pending_work", Kind::kUnboundedContainer,
            fmt::format("What waits in {} is made faster than it is taken out: give the queue a "
                        "maxsize so that its producer waits, add consumers, or drop what is too "
                        "old. Nothing leaks if it drains when the load falls.",
                        holder.holder)};
  }
  if (IsForeign(one, holder)) {
    const std::string line =
        holder.filled_by ? CallableText(*holder.filled_by)
                         : (finding.who_allocated ? CallableText(*finding.who_allocated) : "");
    return {"py.container_growth", Kind::kUnboundedContainer,
            fmt::format("{} belongs to {}, which empties it only when the program says so: end, "
                        "close or unregister what {} opens, or open it once.",
                        holder.holder, RootModule(holder), line.empty() ? "the program" : line)};
  }
  return {"py.container_growth", Kind::kUnboundedContainer,
          fmt::format("Bound {}: {}.", holder.holder, HowToBound(holder))};
}

}  // namespace memwhy::analysis
