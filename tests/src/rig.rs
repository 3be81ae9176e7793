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
    ["mkfs.ext4", "mount", "umount", "python3", "truncate"]
        .iter()
        .find(|tool| run("sh", &["-c", &format!("command -v {tool}")]).is_err())
        .map(|tool| format!("no {tool}"))
}

fn run(program: &str, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    )))
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
        let mut last = Ok(());
        for _ in 0..100 {
            last = run("umount", &[text(&self.path())]);
            if last.is_ok() {
                return Ok(());
            }
            // A process that was killed lets go of its files a little later.
            std::thread::sleep(Duration::from_millis(10));
        }
        last
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
