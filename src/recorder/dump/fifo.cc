// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/fifo.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace memwhy::recorder {

Result<std::unique_ptr<Fifo>> Fifo::Make(const std::string& path) {
  unlink(path.c_str());
  if (mkfifo(path.c_str(), 0600) != 0) return Error::FromErrno(errno, "cannot make " + path);
  std::unique_ptr<Fifo> fifo(new Fifo(path));
  fifo->fd_ = UniqueFd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!fifo->fd_) return Error::FromErrno(errno, "cannot open " + path);
  struct stat status{};
  if (fstat(fifo->fd_.get(), &status) != 0 || !S_ISFIFO(status.st_mode)) {
    return Error::Of("{} was changed by another process", path);
  }
  fcntl(fifo->fd_.get(), F_SETPIPE_SZ, 1 << 20);  // fewer turns; a refusal does not matter
  return fifo;
}

Fifo::~Fifo() { unlink(path_.c_str()); }

}  // namespace memwhy::recorder
