# SPDX-License-Identifier: Apache-2.0
"""A file system of a few megabytes for a test, unmounted afterwards. Needs root."""

import os
import shutil
import subprocess

MEGABYTE = 1 << 20


class SmallDisk:
    """`kind`: tmpfs, or ext4, xfs, btrfs (in a file). Use `with`; raises OSError where it cannot be."""

    def __init__(self, folder, kind, megabytes):
        self.kind = kind
        self.path, self._image = folder / "disk", folder / "disk.image"
        if os.geteuid() != 0:
            raise OSError("only root may mount")
        self.path.mkdir()
        if kind == "tmpfs":
            self._mount("-t", "tmpfs", "-o", f"size={megabytes}m", "memwhy-test", self.path)
            return
        maker = shutil.which(f"mkfs.{kind}", path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")
        if maker is None:
            raise OSError(f"no mkfs.{kind}")
        with self._image.open("wb") as image:
            image.truncate(megabytes * MEGABYTE)
        subprocess.run([maker, "-q", self._image], check=True, stdout=subprocess.DEVNULL)
        self._mount("-o", "loop", self._image, self.path)

    @staticmethod
    def _mount(*arguments):
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError(done.stderr.strip())

    def fill(self, but=0):
        """Another's file takes all that is free, but so many bytes."""
        state = os.statvfs(self.path)
        left = state.f_bavail * state.f_frsize - but
        done, step = 0, max(left, MEGABYTE)
        with (self.path / "filler").open("wb") as filler:
            while step >= 4096 and (but == 0 or done < left):
                try:
                    os.posix_fallocate(filler.fileno(), done, step)
                    done += step
                except OSError:
                    step //= 2  # no room for so much

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if subprocess.run(["umount", self.path]).returncode != 0:
            subprocess.run(["umount", "-l", self.path], check=True)
        self._image.unlink(missing_ok=True)
