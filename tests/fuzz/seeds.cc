// SPDX-License-Identifier: Apache-2.0
//
// Writes the seeds of all targets into folders below DIRECTORY. usage: fuzz_seeds DIRECTORY
// Line tables come from tests/fixtures; run it in the repository root.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "export/heap/fake_heap.h"
#include "fuzz_input.h"
#include "model/heap/fake_dump.h"
#include "readers/fake_pickle.h"
#include "session/session_builder.h"
#include "session/temporary_directory.h"
#include "session_frames.h"
#include "symbols/answers.h"

namespace {

using namespace memwhy;
using session::At;

std::string Joined(const std::vector<std::string>& frames) {
  std::string all;
  for (const std::string& frame : frames) {
    if (&frame != &frames.front()) all += fuzz::kFrameMark;
    all += frame;
  }
  return all;
}

void WriteSeed(const std::string& folder, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(folder);
  fuzz::WriteFile(folder + "/" + name, bytes);
}

std::string TextOf(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

// Every kind of record once or more.
void AllRecords(session::StreamEncoder* stream) {
  stream->Thread(100, "MainThread", 0x7000, 0x8000);
  const auto code = stream->DefineCode("handle", "app.py", "app", 3, "\x80\x00\xd8\x01\x02", 0x30b);
  const auto node = stream->DefineNode(wire::kStackNone, code, 1);
  const auto deep = stream->DefineNode(node, code, 0);
  stream->Allocate(At(1), wire::Allocator::kMalloc, 0x1000, 64, node);
  stream->Allocate(At(2), wire::Allocator::kCalloc, 0x2000, 64, node);
  stream->Allocate(At(2), wire::Allocator::kPosixMemalign, 0x3000, 4096, deep);
  stream->Realloc(At(3), 0x1000, At(3.1), 0x5000, 128, deep);
  stream->Allocate(At(4), wire::Allocator::kMmap, 0x10000, 0x4000, node);
  stream->Unmap(At(5), 0x11000, 0x1000);
  stream->Remap(At(6), 0x12000, 0x1000, At(6.1), 0x30000, 0x2000, node);
  stream->Advise(At(7), 0x30000, 0x1000, 4);
  stream->CodeModule(code, "app.web");
  stream->ThreadName("worker");
  stream->Mark(At(8), "request", 2);
  stream->Lost(3, 100);
  stream->Fork(At(9), 101, 1);
  stream->Private(0x100000, 0x200000);
  stream->Free(At(10), 0x5000);
  stream->ArenaFree(At(10), 0x2000);
  stream->ThreadEnd(At(11));
}

// What folding leaves of a stream.
std::string FoldedStream() {
  session::StreamEncoder stream;
  const auto code = stream.DefineCode("f", "a.py", "a", 1);
  const auto node = stream.DefineNode(wire::kStackNone, code, 1);
  const std::uint64_t sums[10] = {100, 2, 36, 1, 36, 1, 64, 1, 0, 0};
  stream.Folded(wire::Allocator::kMalloc, 0, node, sums);
  stream.Held(0, wire::Allocator::kMalloc, 0, 0x1000, 64, node);
  stream.Held(0, wire::Allocator::kMmap, 0, 0x10000, 0x1000, node);
  stream.Held(wire::kHeldContinues | wire::kHeldLast, wire::Allocator::kMmap, 1, 0x13000, 0x1000,
              node);
  stream.State(At(5), 0x200, 64, node);
  stream.Free(At(6), 0x1000);
  stream.Unmap(At(6), 0x10000, 0x4000);
  return TextOf(stream.Take());
}

std::string Stream(std::uint8_t where, const std::string& bytes) {
  return std::string{'\0', static_cast<char>(where)} + bytes;
}
// The same stream, folded: its piece as it is, its rounded rest, with a change, and by columns.
void Columns(const std::string& out, const std::string& stream) {
  session::StreamEncoder more(At(11));
  more.Time(At(12));
  for (int i = 0; i < 40; ++i) {
    more.Allocate(At(12 + i * 0.0001), wire::Allocator::kMalloc, 0x1000 + 0x10 * i, 64, 3);
    if (i % 3 == 1) more.Free(At(12 + i * 0.0001), 0x1000 + 0x10 * (i - 1));
    if (i % 16 == 9) more.Mark(At(12 + i * 0.0001), "request", 1);
  }
  const std::string rounded = TextOf(more.Take());
  const std::string whose(1, static_cast<char>(fuzz::Folder::kRounded));
  const std::string first(1, static_cast<char>(fuzz::Folder::kMore));
  const std::string other("\x05");
  const std::string change("\x01\x01\x02\0\x09", 5);
  fuzz::Folder folder;
  folder.Add(first + stream);
  folder.Add(whose + rounded);
  const std::string columns = fuzz::JoinColumns(fuzz::UnpackColumns(*folder.Close()));
  const std::string block = fuzz::BlockOfColumns('\x01' + columns);
  using enum fuzz::SessionOp;
  const auto op = [](fuzz::SessionOp kind) { return std::string(1, static_cast<char>(kind)); };
  for (const auto& [folder_name, fold, changed, by_column, raw] :
       {std::array{std::string("/session"), op(kFold), op(kChangedFold), op(kColumns),
                   op(kRawColumns)},
        std::array{std::string("/column"), std::string(1, '\0'), std::string("\x03"),
                   std::string("\x01"), std::string("\x02")}}) {
    const std::string target = out + folder_name;
    WriteSeed(target, "fold",
              Joined({fold + first + stream, fold + whose + rounded, fold + other + stream}));
    WriteSeed(target, "changed", changed + change + '\0' + stream);
    WriteSeed(target, "columns",
              Joined({by_column + '\0' + columns, by_column + '\x01' + columns}));
    WriteSeed(target, "block", raw + block);
  }
}

std::string Fact(const nlohmann::json& fact) { return "\x01" + fact.dump(); }

std::vector<std::string> SessionFacts() {
  session::SessionFact session;
  session.monotonic_ns = session::kOriginNs;
  session.clock = session::ClockPair{1, session::kOriginNs};
  session::ProcessFact process;
  process.pid = 100;
  process.clock_kind = 2;
  process.clock = {At(0), At(0)};
  session::ProcessFact child = process;
  child.process = 1;
  child.pid = 101;
  child.parent = 100;
  child.clock = {At(9), At(9)};
  child.fork_clock = At(9);
  session::ProcessFact counter = process;
  counter.process = 2;
  counter.pid = 102;
  counter.clock_kind = 1;
  counter.clock = {2'000'000'000, At(2)};
  session::OsSamplesFact os;
  os.samples.push_back({At(1), {}});
  os.clock = session::ClockPair{5'000'000'000, At(5)};
  session::MapsFact maps;
  maps.monotonic_ns = At(3);
  maps.pass.mappings.push_back({0x1000, 0x9000, "rw-p", 0, "[heap]", 4096, 4096, 4096, 0});
  maps.pass.resident.push_back({0x1000, 0x2000});
  maps.pass.arenas.push_back({0x4000, 100, 4096, 0});
  session::HeapDumpFact dump;
  dump.file = "dump.1.heap";
  return {Fact(ToJson(session)),
          Fact(ToJson(process)),
          Fact(ToJson(child)),
          Fact(ToJson(counter)),
          Fact(ToJson(os)),
          Fact(ToJson(maps)),
          Fact(ToJson(dump)),
          Fact(ToJson(session::ProcessEndFact{1, At(12), "exit:0", 1, 2, 3, At(11), At(11.5)})),
          Fact(ToJson(session::WindowFact{At(1), At(9)})),
          Fact(session::NoteToJson("note")),
          Fact(ToJson(session::EndFact{At(20), "exit:0", 0.5, 100, false}))};
}

// As deep, as wide and of as many values as readers refuse.
std::vector<std::string> GreedyFacts() {
  const std::string op(1, static_cast<char>(fuzz::SessionOp::kFact));
  std::string deep = op + R"({"type":"note","text":)" + std::string(40, '[') + std::string(40, ']');
  std::string wide = op + R"({"type":"maps")";
  for (int i = 0; i < 300; ++i) wide += ",\"" + std::to_string(i) + "\":0";
  std::string many = op + R"({"type":"os_samples","samples":[[])";
  for (int i = 0; i < 3000; ++i) many += ",[]";
  return {deep + "}", wide + "}", many + "]}"};
}

// A cache of objects with native memory behind each, as a stream without magic and version.
std::string Holders(std::uint64_t count) {
  using wire::EdgeKind;
  using wire::ShapeRest;
  model::FakeDump dump;
  const auto pairs = dump.Shape(ShapeRest::kPairs, {});
  const auto attributes = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttributes, "__dict__"}});
  const auto module = dump.Type("module", 0, 72, 0x500000);
  const auto dict = dump.Type("dict", wire::kTypeHasExtra, 64, 0x501000);
  const auto tensor = dump.Type("app.T", wire::kTypeIsOwned, 72, 0x502000);
  dump.Object(module, 0x1000, 1, {0x2000}, attributes);
  dump.Object(dict, 0x2000, 1, {0x2800, 0x3000}, pairs);
  dump.Key(0x2800, "<str:7f3a09bc>");  // as of a redacted dump
  dump.Key(0x2800, "CACHE");
  dump.Root(wire::DumpRoot::kModule, wire::RootCounts::kNone, "app", {0x1000});
  dump.NativeType("N5torch8autograd8BackwardE");
  std::vector<std::uint64_t> entries;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t body = 0x90000 + i * 64;
    dump.Object(tensor, 0x4000 + i * 64, 1, {body, body + 0x20000 + i % 3 * 0x10000});
    dump.Block(body, 192, 1, {body + 0x10000, 0x3000});
    dump.Block(body + 0x10000, 4096, 0);
    if (i % 3 == 0) dump.Buffer(body + 0x20000, 512, wire::BufferKind::kDevice, {1, 0});
    if (i % 3 == 1) dump.Buffer(body + 0x30000, 256, wire::BufferKind::kStorage);
    entries.insert(entries.end(), {0, 0x4000 + i * 64});
  }
  dump.Object(dict, 0x3000, 1, entries, pairs);
  dump.Own(0x3000, 0x700000);
  dump.End();
  return TextOf(dump.bytes()).substr(sizeof(wire::kDumpMagic) + 1);
}

// A tensor whose grad_fn leads to a node that saved another one.
std::string Torch() {
  using wire::EdgeKind;
  using wire::ShapeRest;
  using wire::TorchKind;
  model::FakeDump dump;
  const auto tensor = dump.Type("torch.Tensor", 0, 80, 0x500000);
  dump.Object(tensor, 0x1000, 1, {0x2000});
  dump.Root(wire::DumpRoot::kModule, wire::RootCounts::kNone, "app", {0x1000});
  dump.NativeType("N3c1010TensorImplE");
  dump.NativeType("N5torch8autograd8BackwardE");
  const auto of_tensor = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "untyped_storage()"},
                                                        {EdgeKind::kAttribute, "grad_fn"}});
  const auto of_node =
      dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "next_functions[0][0]"},
                                     {EdgeKind::kInternal, "saved"},
                                     {EdgeKind::kNative, "ctx"}});
  for (const std::uint64_t at : {0x2000, 0x2400}) {
    model::DumpTorch one;
    one.kind = TorchKind::kTensor;
    one.address = at;
    one.native_type = 1;
    one.words = {0, 0, 0, 0, 0, 0, 0, 2, 3, 4, 0, 0, 0, 4, 1, 0, 0, 0, 0, 12, 0x1ff000006, 0};
    one.autograd = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    one.version = 3;
    dump.Torch(one, {0x3000, 0x4000}, of_tensor);
    one.kind = TorchKind::kStorage;
    one.address = 0x3000 + (at - 0x2000);
    one.data = 0x8000;
    one.data_bytes = 48;
    one.device.index = 0xff;
    dump.Torch(one, {0x8000});
    one.kind = TorchKind::kNode;
    one.address = 0x4000 + (at - 0x2000);
    one.native_type = 2;
    dump.Torch(one, {at == 0x2000 ? 0x4400u : 0u, 0x2400, 0x1000}, of_node);
  }
  dump.Buffer(0x8000, 48, wire::BufferKind::kStorage);
  dump.End();
  return TextOf(dump.bytes()).substr(sizeof(wire::kDumpMagic) + 1);
}

// Lists that hold each other across two lanes, which take turns and both define the list's type.
std::string Lanes() {
  using wire::EdgeKind;
  using wire::ShapeRest;
  model::FakeDump dump;
  std::uint32_t list[2];
  std::uint32_t indexed[2];
  const auto define_list = [&](std::uint32_t lane) {
    indexed[lane] = dump.Shape(ShapeRest::kIndexed, {});
    list[lane] = dump.Type("list", wire::kTypeHasExtra, 56, 0x503000);
    dump.List(2 - lane);
  };
  define_list(0);
  dump.NativeType("N5torch8autograd8BackwardE");
  dump.Lane(1);
  const auto slots = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "next"}});
  const auto module = dump.Type("module", 0, 72, 0x500000);
  define_list(1);
  dump.Object(module, 0x1000, 1, {0x4000}, slots);
  for (std::uint64_t i = 0; i < 6; ++i) {
    const std::uint32_t lane = i / 2 % 2;
    dump.Lane(lane);
    dump.Object(list[lane], 0x4000 + i * 64, 2, {0x4000 + (i + 2) % 6 * 64, 0x1000, 0x9000},
                indexed[lane], i * 8);
  }
  dump.File("app.py");
  dump.Key(0x1000, "key");
  dump.Lane(0);
  dump.Block(0x9000, 192, 1, {0x4000});
  dump.Root(wire::DumpRoot::kFrame, wire::RootCounts::kEach, "run", {0x1000}, indexed[0]);
  dump.End();
  return TextOf(dump.bytes()).substr(sizeof(wire::kDumpMagic) + 1);
}

// A stream of sums only.
std::string Census() {
  model::FakeDump dump;
  constexpr std::uint64_t kFirst = wire::kFirstType;
  dump.Type("list", wire::kTypeHasExtra, 56, 0x500000);
  dump.Type("app.T", wire::kTypeIsOwned, 72, 0x501000);
  dump.Type("app.T", wire::kTypeIsOwned, 72, 0x502000);
  for (std::uint64_t type = 0; type < 3; ++type) {
    dump.TypeTotal(type, 1 + type, 1000 << type);
    dump.Pair(static_cast<std::uint64_t>(wire::DumpRoot::kFrame), kFirst + type, 1);
    dump.Pair(kFirst, kFirst + type, 300 << type);
    dump.Pair(kFirst + type, wire::kNoReferent, 1);
  }
  dump.End();
  return TextOf(dump.bytes()).substr(sizeof(wire::kDumpMagic) + 1);
}

// Kills as kernels of several times write them, and as programs do.
void OomLogs(const std::string& folder) {
  const auto write = [&](const std::string& name, const std::string& text) {
    WriteSeed(folder, name, "\x0c" + text);  // in pieces of 13 bytes
  };
  const std::string now =
      "[  849.654300] python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0\n"
      "[  849.654424] memory: usage 40960kB, limit 40960kB, failcnt 54\n"
      "[  849.654434] Memory cgroup stats for /app:\n"
      "[  849.772825] [  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem "
      "pgtables_bytes swapents oom_score_adj name\n"
      "[  849.772827] [  14410]     0 14410     1423     1000      904       96         0    "
      "15564        0          -998 npm start\n"
      "[  849.772834] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
      "oom_memcg=/app,task_memcg=/app/w,task=python3,pid=14415,uid=0\n"
      "[  849.772858] Memory cgroup out of memory: Killed process 14415 (python3) "
      "total-vm:57692kB, "
      "anon-rss:47616kB, file-rss:6644kB, shmem-rss:0kB, UID:0 pgtables:152kB oom_score_adj:0\n";
  const std::string old =
      "Dec 11 10:48:09 node kernel: a invoked oom-killer: gfp_mask=0xd0, order=0\n"
      "Dec 11 10:48:09 node kernel: Task in /d/9 killed as a result of limit of /d\n"
      "Dec 11 10:48:09 node kernel: memory: usage 8kB, limit 8kB, failcnt 12\n"
      "Dec 11 10:48:09 node kernel: [ pid ]   uid  tgid total_vm      rss nr_ptes swapents "
      "oom_score_adj name\n"
      "Dec 11 10:48:09 node kernel: [11554]     0 11554   262244   261000     520        0         "
      "     0 a\n"
      "Dec 11 10:48:09 node kernel: Memory cgroup out of memory: Kill process 11554 (a) score 9 or "
      "sacrifice child\n"
      "Dec 11 10:48:09 node kernel: Killed process 11554 (a), UID 0, total-vm:8kB, anon-rss:4kB, "
      "file-rss:0kB\n";
  write("6.18", now);
  write("3.10", old);
  write("both", now + old + now);
  write("group", now +
                     "[  849.772860] Tasks in /app are going to be killed due to "
                     "memory.oom.group set\n" +
                     now.substr(now.rfind("[  849.772858]")));
  write("kmsg",
        "3,1,5000003,-,caller=T9;Out of memory: Killed process 42 (a\\x0ab) total-vm:8kB, "
        "anon-rss:4kB, file-rss:0kB\n SUBSYSTEM=x\n");
  write(
      "oomd",
      "May 07 14:29:23 h systemd-oomd[1]: Considered 5 cgroups for killing, top candidates were:\n"
      "May 07 14:29:23 h systemd-oomd[1]:   Path: /a.slice/b.scope\n"
      "May 07 14:29:23 h systemd-oomd[1]:     Current Memory Usage: 43.3G\n"
      "May 07 14:29:23 h systemd-oomd[1]: Killed /a.slice/b.scope due to memory pressure\n"
      "May 07 14:29:23 h systemd[1]: b.scope: systemd-oomd killed 12 process(es) in this unit.\n"
      "May 07 14:29:23 h systemd-oomd[1]: Marked /c.scope for killing due to memory pressure\n"
      "May 07 14:29:24 h systemd[1]: c.scope: systemd-oomd killed 1 process(es) in this unit.\n");
  write(
      "earlyoom",
      "a 27 19:46:06 p earlyoom[1]: sending SIGTERM to process 4711 uid 1000 \"py\": oom_score 8, "
      "VmRSS 123 MiB\na 27 19:46:06 p earlyoom[1]: dryrun, not sending any signal\n");
}

// The text of each CPython, behind prefixes and cut by another writer.
// Operations of govern_fuzz.cc: 20 blocks, no slab, events; two tenants; blocks are taken, cached,
// freed, found, forked and written.
void Govern(const std::string& folder) {
  const std::string pool("\x13\x00\x10\x01\x00\x07", 6);
  const std::string tenants("\x00p\x06\x00\x02\x00\xa0\xb4\x00q\x04\x05\x03\x01\xa0\xb4", 16);
  const std::string use(
      "\x02\x04\x01\x01\x08\x01\x03\x01\x02\x03\x05\x06\x07\x05\x03\x01\x02\x03"
      "\x0a\x01\x03\x05\x06\x07\x01\x0b\x01\x01\x0c\x01\x01\x0d",
      32);
  const std::string sizes("\x0f\x02\x02\x12\x00\x18\x10\x01\x12\x00\x06\x0e\x01\x02\x03", 15);
  WriteSeed(folder, "tenants", pool + tenants + use);
  WriteSeed(folder, "sizes", pool + use + sizes + use);
}

void GcLogs(const std::string& folder) {
  const auto write = [&](const std::string& name, const std::string& text) {
    WriteSeed(folder, name, "\x0c" + text);  // in pieces of 13 bytes
  };
  const std::string old =
      "gc: collecting generation 2...\ngc: objects in each generation: 16 0 3490\n"
      "gc: collectable <A instance at 0x7f0dd4b6e098>\n"
      "gc: done, 12 unreachable, 4 uncollectable, 0.0007s elapsed.\n";
  const std::string head =
      "gc: collecting generation 2...\ngc: objects in each generation: 700 10 9000\n"
      "gc: objects in permanent generation: 375\n";
  const std::string objects =
      "gc: collectable <app.Node 0x7f12ab>\ngc: uncollectable <method-wrapper 0x10>\n";
  const std::string done = "gc: done, 5 unreachable, 1 uncollectable, 0.0002s elapsed\n";
  const std::string shutdown =
      "gc:0: ResourceWarning: gc: 2 uncollectable objects at shutdown\n      [<X>, <X>]\n";
  write("2.7", old + "gc: done.\n" + old);
  write("3.6", old.substr(0, old.size() - 2) + "\n");
  write("3.7", head + "gc: done, 0.0000s elapsed\n" + head + objects + done);
  write("3.8", "hello\n" + head + objects + done + head + objects + done + shutdown);
  write("3.14", head + objects + head + head + objects + head);
  std::string lines;
  for (const std::string prefix :
       {"[11] ", "2026-11-25T10:00:00.5Z stderr F ", "\x1b[36mweb_1  |\x1b[0m ", "half a line"}) {
    std::istringstream text(head + objects + done);
    for (std::string line; std::getline(text, line);) {
      lines += prefix;
      lines += line;
      lines += '\n';
    }
  }
  write("prefixes", lines);
  for (const std::size_t at : {20, 50, 75, 110, 160, 200}) {
    const std::string block = head + objects + done;
    write("cut-" + std::to_string(at),
          block.substr(0, at) + block.substr(0, at / 2) + block.substr(at) + block.substr(at / 2));
  }
}

// Errors of each class, with their stacks in a program whose main calls serve.
void Memcheck(const std::string& folder) {
  const std::string map =
      "memwhy-frames\t1\t3.12.1\t/usr/bin/python3.12\nallocator\tmalloc\n"
      "code\t1\t1\tapp.py\t<module>\ncode\t2\t5\tapp.py\tserve\n"
      "stub\t1000\t32\t1\t0\t0\nstub\t1020\t32\t2\t1\t20\n";
  const auto frame = [](const std::string& ip, const std::string& object, const std::string& name) {
    return "<frame><ip>" + ip + "</ip><obj>" + object + "</obj><fn>" + name +
           "</fn><dir>/s</dir><file>f.pyx</file><line>7</line></frame>";
  };
  const std::string outer = "<frame><ip>0x1030</ip></frame>" +
                            frame("0x1", "/usr/bin/python3.12", "PyObject_Vectorcall") +
                            "<frame><ip>0x1010</ip></frame>";
  const std::string inner = frame("0x2", "/l/vgpreload_memcheck.so", "malloc") +
                            frame("0x1", "/usr/bin/python3.12", "PyBytes_FromStringAndSize") +
                            frame("0x3", "/s/fast.so", "__pyx_pf_4fast_put") +
                            frame("0x4", "/s/fast.so", "__pyx_pw_4fast_1put");
  std::string errors;
  for (const std::string kind : {"InvalidRead", "InvalidWrite", "UninitValue", "InvalidFree"}) {
    errors += "<error><unique>0x1</unique><kind>" + kind + "</kind><what>it is</what><stack>" +
              inner + outer + "</stack><auxwhat>block was alloc'd</auxwhat><stack>" + outer +
              "</stack></error>\n";
  }
  for (const std::string kind : {"Leak_DefinitelyLost", "Leak_PossiblyLost"}) {
    errors += "<error><kind>" + kind +
              "</kind><xwhat><text>9 bytes</text><leakedbytes>9</leakedbytes>"
              "<leakedblocks>3</leakedblocks></xwhat><stack>" +
              inner + outer + "</stack></error>\n";
  }
  const std::string head =
      "<?xml version=\"1.0\"?>\n<valgrindoutput><pid>7</pid><tool>memcheck</tool>"
      "<args><argv><exe>python3</exe></argv></args>\n";
  const std::string end =
      "<status><state>FINISHED</state></status><errorcounts><pair><count>3</count>"
      "<unique>0x1</unique></pair></errorcounts></valgrindoutput>\n";
  WriteSeed(folder, "whole", Joined({"\x0c" + head + errors + end, map}));
  WriteSeed(folder, "killed",
            Joined({"\x40" + head + errors.substr(0, errors.size() / 2), map + "stop\tno room\n"}));
  WriteSeed(folder, "signal",
            "\x08" + head +
                "<fatal_signal><tid>1</tid><signame>SIGSEGV</signame>"
                "<stack>" +
                outer + "</stack></fatal_signal>" + end);
}

// A file of answers, and an ELF file with debug data that the compiler at hand makes.
void Symbols(const std::string& folder) {
  symbols::Answers answers;
  answers.made_from = "/lib/a.so:10:1.2";
  answers.by_address[0x1000] = {{"inner", "a.h", 3, true}, {"outer", "a.cc", 40, false}};
  answers.by_address[0x1008] = {};
  WriteSeed(folder, "answers", '\0' + TextOf(symbols::EncodeAnswers(answers)));
  const std::string module = folder + ".so";
  const std::string compile =
      "printf 'volatile int sink; static inline int inner(int x) { return sink = x; }\n"
      "struct Cache { int put(int x); }; int Cache::put(int x) { return inner(x + 1); }' |"
      " g++ -g -O1 -shared -fPIC -nostdlib -Wl,-z,noseparate-code -x c++ - -o ";
  if (std::system((compile + module).c_str()) != 0) std::exit(1);
  std::ifstream file(module, std::ios::binary);
  WriteSeed(folder, "elf", '\1' + std::string{std::istreambuf_iterator<char>(file), {}});
}

void LineTables(const std::string& folder) {
  for (int minor = 8; minor <= 13; ++minor) {
    std::ifstream file("tests/fixtures/line_tables/python3." + std::to_string(minor) + ".txt");
    std::string line;
    for (int count = 0; count < 8 && std::getline(file, line); ++count) {
      std::istringstream fields(line);
      std::uint32_t first_line = 0;
      std::string hex;
      fields >> first_line >> hex;
      std::string seed(1, static_cast<char>(minor - 8));
      seed.append(reinterpret_cast<const char*>(&first_line), 4);
      for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        seed.push_back(static_cast<char>(std::stoul(hex.substr(i, 2), nullptr, 16)));
      }
      WriteSeed(folder, std::to_string(minor) + "-" + std::to_string(count), seed);
    }
  }
}

// Without magic and version, which the target puts in front.
void HeapDumps(const std::string& folder) {
  const auto write = [&](const std::string& name, const exports::FakeHeap& dump) {
    WriteSeed(folder, name, TextOf(dump.Stream()).substr(sizeof(wire::kDumpMagic) + 1));
  };
  exports::SmallHeap small;
  write("small", small.dump);
  for (const std::uint32_t objects : {3u, 30u}) {
    write("random" + std::to_string(objects), exports::RandomHeap(objects, objects));
  }
}

void Snapshots(const std::string& folder) {
  namespace pickle = readers::pickle;
  const std::string whole = pickle::SmallSnapshot();
  WriteSeed(folder, "protocol4", "\xff" + pickle::Pickle(whole));
  WriteSeed(folder, "protocol2", "\x03" + pickle::Pickle(whole, 2));
  WriteSeed(folder, "segments_only",
            "\xff" + pickle::Pickle(pickle::List({pickle::SegmentOf(512, 512, true, {})})));
  WriteSeed(folder, "runs_code", "\xff" + pickle::Pickle("cos\nsystem\n"));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string out = argv[1];
  session::StreamEncoder encoder(At(0));
  AllRecords(&encoder);
  const std::string stream = TextOf(encoder.Take());
  session::StreamEncoder from_1000(1000);
  AllRecords(&from_1000);
  const std::string all = TextOf(from_1000.Take());
  WriteSeed(out + "/stream", "all", all);
  from_1000.Free(At(12), 0x7000);
  from_1000.Mark(At(13), "request", 2);
  WriteSeed(out + "/stream", "pieces", Joined({all, TextOf(from_1000.Take())}));

  std::vector<std::string> frames = SessionFacts();
  WriteSeed(out + "/session", "facts", Joined(frames));
  session::StreamEncoder counting;
  for (const std::uint64_t billions : {1, 3, 4, 6}) {
    counting.Free(billions * 1'000'000'000, 0x1000);
  }
  frames.insert(frames.begin() + 4,
                {Stream(0, stream), Stream(5, stream), Stream(2, TextOf(counting.Take()))});
  WriteSeed(out + "/session", "all", Joined(frames));
  session::FoldedFact folded;
  folded.until_ns = At(5);
  folded.peak_at_ns = At(2);
  folded.part.why = "--keep";
  folded.part.events = 5;
  folded.part.allocated_by_size[7] = {100, 2};
  folded.forked = {1};
  const std::uint64_t claims[3] = {0, stream.size(), stream.size()};
  WriteSeed(out + "/session", "facts_that_ask_for_much", Joined(GreedyFacts()));
  WriteSeed(out + "/session", "claims",
            std::string("\x0c\0", 2) +
                std::string(reinterpret_cast<const char*>(claims), sizeof(claims)) + stream);
  WriteSeed(
      out + "/session", "folded",
      Joined({frames[0], frames[1], frames[2], Fact(ToJson(folded)), Stream(0, FoldedStream())}));
  WriteSeed(out + "/stream", "folded", FoldedStream());
  fuzz::SessionFile file;
  for (const std::string& frame : frames) file.Add(frame);
  WriteSeed(out + "/session", "file", "\x05" + file.bytes());
  fuzz::SessionFile pieces;
  pieces.Add(Stream(0, stream));
  const session::FileHeader header{};
  WriteSeed(out + "/session", "pieces",
            "\x02" + pieces.bytes().substr(sizeof(header) + sizeof(session::BlockHeader)));

  Columns(out, stream);

  // Of process 0: clocks start at the ring's own origin.
  const std::string chunk = std::string("\0\x01\0\0\0\0", 6) + stream;
  const std::string other = std::string("\0\x01\x02\x01\0\0", 6) + stream;
  WriteSeed(out + "/ring", "all",
            Joined({chunk, "\x05", other, std::string("\x03\0\0\0\x10\0\0", 7), "\x05"}));
  WriteSeed(out + "/ring", "session", Joined({"\x06" + frames[0], "\x06" + frames[1], chunk}));
  const std::string cut_off("\x04\x10\x00", 3);
  const std::string half("\x04\x80\x12", 3);
  WriteSeed(out + "/ring", "cut", Joined({chunk, "\x05", other, half, "\x05", cut_off, "\x05"}));
  WriteSeed(out + "/holders", "one", Holders(3));
  WriteSeed(out + "/holders", "two", Joined({Holders(1), Holders(4)}));
  WriteSeed(out + "/object_graph", "native", Holders(5));
  WriteSeed(out + "/object_graph", "census", Census());
  WriteSeed(out + "/object_graph", "lanes", Lanes());
  WriteSeed(out + "/object_graph", "torch", Torch());
  HeapDumps(out + "/object_graph");
  LineTables(out + "/line_table");
  GcLogs(out + "/gc_log");
  Govern(out + "/govern");
  OomLogs(out + "/oom_log");
  Memcheck(out + "/memcheck");
  Snapshots(out + "/snapshot");
  Symbols(out + "/symbols");
  WriteSeed(
      out + "/perf_script", "all",
      "\x0cpython3 7 [001] 1.5: 101 cpu-clock:ppp: \n"
      "\t 7f12 dgemm_+0x4 (/l/blas.so)\n\t 7f13 __pyx_pw_4fast_1put+0x1 (/s/fast.so)\n"
      "\t 7f14 py::f:/s/a.py+0x9 (/tmp/perf-7.map)\n\t 12 [unknown] (/usr/bin/python3)\n\n"
      "x 7/8 2.0: PERF_RECORD_LOST lost 3\nx 7 3.0: page-faults: 7f1 main+0x4 (/b (deleted))\n");
  return 0;
}
