//! Tells when a directory may have changed: from the kernel where it says so, and from time to time in any case,
//! because it says nothing of network file systems and of what a link points to.

use std::path::Path;
use std::time::Duration;

/// How long a change that the kernel keeps to itself may stay unseen.
const FLOOR: Duration = Duration::from_millis(500);

/// Watches one directory.
#[derive(Debug)]
pub(super) struct Watch(#[cfg(target_os = "linux")] Option<linux::Inotify>);

impl Watch {
    /// Where the kernel can't watch, looking from time to time is all there is.
    pub(super) fn new(directory: &Path) -> Self {
        #[cfg(target_os = "linux")]
        return Self(linux::Inotify::new(directory).ok());
        #[cfg(not(target_os = "linux"))]
        {
            let _ = directory;
            Self()
        }
    }

    /// Waits for a change, or a while.
    pub(super) async fn changed(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &mut self.0 {
            // Either is a reason to look.
            let _ = tokio::time::timeout(FLOOR, inotify.changed()).await;
            return;
        }
        tokio::time::sleep(FLOOR).await;
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::path::Path;

    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use tokio::io::AsyncReadExt as _;
    use tokio::net::unix::pipe;

    /// An inotify descriptor is read as a pipe is: it becomes readable, and gives bytes.
    #[derive(Debug)]
    pub(super) struct Inotify(pipe::Receiver);

    impl Inotify {
        pub(super) fn new(directory: &Path) -> io::Result<Self> {
            let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            let flags = WatchFlags::MODIFY
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::CLOSE_WRITE;
            inotify::add_watch(&watch, directory, flags)?;
            pipe::Receiver::from_owned_fd_unchecked(watch).map(Self)
        }

        pub(super) async fn changed(&mut self) -> io::Result<()> {
            // What happened does not matter: the file is looked at anyway.
            let mut events = [0; 4096];
            self.0.read(&mut events).await.map(|_| ())
        }
    }
}
