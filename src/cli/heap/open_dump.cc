// SPDX-License-Identifier: Apache-2.0
#include "cli/heap/open_dump.h"

#include "cli/memory_bound.h"
#include "cli/number_option.h"
#include "session/dump_file.h"

namespace memwhy::cli {

Result<std::unique_ptr<OpenedDump>> OpenDump(const std::string& path) {
  AllowMemoryFor(path);
  MEMWHY_TRY(const std::unique_ptr<session::DumpFile> file, session::DumpFile::Open(path));
  auto opened = std::make_unique<OpenedDump>();
  MEMWHY_TRY_VOID(file->ReadFacts());
  auto graph = model::ObjectGraph::Load(*file, file->scan());
  if (!graph) {
    return file->damage().empty()
               ? graph.error().With("{}", path)
               : Error::Of("nothing of the heap dump {} can be read: {}", path, file->damage());
  }
  opened->graph = std::move(*graph);
  opened->view.graph = &opened->graph;
  opened->view.facts = file->facts();
  opened->view.file_bytes = file->size();
  return opened;
}

void AddDumpOptions(CLI::App* command, DumpOptions& options, const char* top_help,
                    const char* schema) {
  command->add_option("dump", options.dump, "A heap dump (memwhy heap dump)")
      ->required()
      ->type_name("DUMP");
  command->add_flag("--json", options.json, std::string("Print ") + schema);
  command->add_option("--top", options.top, top_help)->type_name("N")->check(WholeNumber());
}

}  // namespace memwhy::cli
