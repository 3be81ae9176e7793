//! File systems of their own for tests as root: an image mounted through a loop device, and what can
//! be done to it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How the file system is cut off: `FS_IOC_SHUTDOWN` of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cutoff {
    /// The journal is committed; data that waits to be written is dropped.
    KeepJournal = 1,
    /// Everything since the last commit of the journal is dropped.
    DropJournal = 2,
}

/// A mounted ext4 image, unmounted when dropped.
#[derive(Debug)]
pub struct Mounted {
    directory: tempfile::TempDir,
    options: String,
}

/// Why no rig can be built here; `None` where one can.
#[must_use]
pub fn unavailable() -> Option<String> {
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout != b"0\n" {
        return Some("not root".to_owned());
    }
    [
        "dd",
        "fallocate",
        "losetup",
        "mkfs.ext4",
        "mount",
        "python3",
        "truncate",
        "umount",
    ]
    .iter()
    .find(|tool| run("sh", &["-c", &format!("command -v {tool}")]).is_err())
    .map(|tool| format!("no {tool}"))
}

/// What a program prints, without the white space around it.
fn output(program: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(io::Error::other(format!(
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    )))
}

fn run(program: &str, arguments: &[&str]) -> io::Result<()> {
    output(program, arguments).map(drop)
}

fn unmount(path: &Path) -> io::Result<()> {
    let mut last = Ok(());
    for _ in 0..100 {
        last = run("umount", &[text(path)]);
        if last.is_ok() {
            return Ok(());
        }
        // A process that was killed lets go of its files a little later.
        std::thread::sleep(Duration::from_millis(10));
    }
    last
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

impl Mounted {
    /// A fresh file system of 256 MiB with these mount options.
    ///
    /// # Errors
    /// What the tools say.
    pub fn new(options: &str) -> io::Result<Self> {
        let mounted = Self {
            directory: tempfile::tempdir()?,
            options: options.to_owned(),
        };
        let image = mounted.image();
        run("truncate", &["-s", "256M", text(&image)])?;
        run("mkfs.ext4", &["-qF", text(&image)])?;
        mounted.mount()?;
        Ok(mounted)
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    fn mount(&self) -> io::Result<()> {
        let path = self.path();
        std::fs::create_dir_all(&path)?;
        let options = ["loop", &self.options].join(",");
        let options = options.trim_end_matches(',');
        run("mount", &["-o", options, text(&self.image()), text(&path)])
    }

    fn unmount(&self) -> io::Result<()> {
        unmount(&self.path())
    }

    /// Cuts the file system off from its device. Nothing that is written afterwards arrives.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn cut(&self, cutoff: Cutoff) -> io::Result<()> {
        // The call needs a pointer, which no safe interface offers.
        let script = "import fcntl,os,struct,sys\n\
                      fd=os.open(sys.argv[1],0)\n\
                      fcntl.ioctl(fd,0x8004587d,struct.pack('I',int(sys.argv[2])))";
        let mode = (cutoff as u32).to_string();
        run("python3", &["-c", script, text(&self.path()), &mode])
    }

    /// Unmounts and mounts again, as a start after a power cut does.
    ///
    /// # Errors
    /// What the tools say.
    pub fn remount(&self) -> io::Result<()> {
        self.unmount()?;
        self.mount()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What cannot be unmounted is left to whoever looks at the failed test.
        let _ = self.unmount();
    }
}

/// Bytes of memory behind a [`Starving`] disk, in MiB.
const MEMORY: &str = "64m";

/// A mounted ext4 without a journal, which believes to have more room than its device has: what is
/// written is taken into the cache of the kernel, and the device refuses it when it is synced. The
/// kernel then calls the pages clean, so that they are read as written until they leave the cache.
#[derive(Debug)]
pub struct Starving {
    directory: tempfile::TempDir,
    device: String,
    request: String,
}

impl Starving {
    /// A file system of 256 MiB on 64 MiB of memory.
    ///
    /// # Errors
    /// What the tools say.
    pub fn new() -> io::Result<Self> {
        let mut starving = Self {
            directory: tempfile::tempdir()?,
            device: String::new(),
            request: String::new(),
        };
        let memory = starving.memory();
        std::fs::create_dir(&memory)?;
        std::fs::create_dir(starving.path())?;
        let size = format!("size={MEMORY}");
        run(
            "mount",
            &["-t", "tmpfs", "-o", &size, "none", text(&memory)],
        )?;
        let image = memory.join("image");
        let image = text(&image);
        run("truncate", &["-s", "256M", image])?;
        let format = [
            "-qF",
            "-b",
            "4096",
            "-O",
            "^has_journal",
            "-N",
            "4096",
            image,
        ];
        run("mkfs.ext4", &format)?;
        // The tables of the file system lie at its start and get their memory now: it is files that
        // starve.
        let (from, to) = (format!("if={image}"), format!("of={image}"));
        let first = [&from, &to, "bs=4k", "count=1024", "conv=notrunc"];
        run("dd", &first)?;
        starving.device = output("losetup", &["-f", "--show", image])?;
        // Where only the first pages of a request find room, the loop device answers as if all had:
        // acknowledged bytes vanish behind the back of every program. A request of one whole page
        // is refused or done.
        let limit = starving.limit();
        starving.request = std::fs::read_to_string(&limit)?;
        std::fs::write(&limit, "4")?;
        starving.mount()?;
        Ok(starving)
    }

    fn memory(&self) -> PathBuf {
        self.directory.path().join("memory")
    }

    fn limit(&self) -> PathBuf {
        let name = self.device.trim_start_matches("/dev/");
        Path::new("/sys/block")
            .join(name)
            .join("queue/max_sectors_kb")
    }

    fn ballast(&self) -> PathBuf {
        self.memory().join("ballast")
    }

    fn mount(&self) -> io::Result<()> {
        run("mount", &[&self.device, text(&self.path())])
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    /// Leaves the device so many bytes for what it has not stored yet.
    ///
    /// # Errors
    /// What the tools say.
    pub fn starve(&self, left: u64) -> io::Result<()> {
        let mut last = Ok(());
        for _ in 0..100 {
            let free = self.free()?;
            let length = free.saturating_sub(left).max(1).to_string();
            last = run("fallocate", &["-l", &length, text(&self.ballast())]);
            if last.is_ok() {
                break;
            }
            // The device has taken some of it in between.
        }
        last
    }

    fn free(&self) -> io::Result<u64> {
        let memory = self.memory();
        let free = output("df", &["-B1", "--output=avail", text(&memory)])?;
        let number = free
            .lines()
            .last()
            .and_then(|line| line.trim().parse().ok());
        number.ok_or_else(|| io::Error::other(free))
    }

    /// Gives the device its room back.
    ///
    /// # Errors
    /// What the system says.
    pub fn feed(&self) -> io::Result<()> {
        std::fs::remove_file(self.ballast())
    }

    /// Unmounts and mounts again, after which nothing comes from the cache.
    ///
    /// # Errors
    /// What the tools say.
    pub fn remount(&self) -> io::Result<()> {
        unmount(&self.path())?;
        self.mount()
    }
}

impl Drop for Starving {
    fn drop(&mut self) {
        // What cannot be taken down is left to whoever looks at the failed test.
        let _ = unmount(&self.path());
        if !self.device.is_empty() {
            let _ = std::fs::write(self.limit(), &self.request);
            let _ = run("losetup", &["-d", &self.device]);
        }
        let _ = unmount(&self.memory());
    }
}
