// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/dump_sink.h"

#include <utility>

#include "session/dump_file.h"

namespace memwhy::recorder {
namespace {

class FileSink : public DumpSink {
 public:
  explicit FileSink(session::DumpWriter writer) : writer_(std::move(writer)) {}

  Result<void> AddFact(const nlohmann::json& fact) override { return writer_.AddFact(fact); }
  Result<void> AddBytes(std::span<const std::uint8_t> bytes) override {
    return writer_.AddBytes(bytes);
  }
  Result<std::uint64_t> Finish() override {
    MEMWHY_TRY_VOID(writer_.Finish());
    return writer_.file_bytes();
  }

 private:
  session::DumpWriter writer_;
};

}  // namespace

Result<std::unique_ptr<DumpSink>> MakeFileSink(const std::string& path) {
  MEMWHY_TRY(session::DumpWriter writer, session::DumpWriter::Create(path));
  return std::make_unique<FileSink>(std::move(writer));
}

}  // namespace memwhy::recorder
