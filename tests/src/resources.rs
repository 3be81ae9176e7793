use std::io;
use std::time::Duration;

use crate::ServerProcess;

/// What a server takes of the machine, as the kernel accounts for it.
impl ServerProcess {
    /// Memory that is resident, in bytes.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        self.status("VmRSS:")
    }

    /// Memory that was asked for to be written to, whether or not it was since, in bytes.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn allocated_bytes(&self) -> io::Result<u64> {
        self.status("VmData:")
    }

    fn status(&self, name: &str) -> io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.trim().strip_suffix("kB"))
            .and_then(|number| number.trim().parse::<u64>().ok());
        kibibytes
            .map(|number| number * 1024)
            .ok_or_else(|| io::Error::other(format!("the kernel does not tell {name}")))
    }

    /// Processor time that its threads have used since they began.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn processor_time(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            // A thread may end while the list is read.
            let Ok(account) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            let used = account.split_whitespace().next();
            nanoseconds += used.and_then(|used| used.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}
