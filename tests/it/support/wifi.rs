//! The way between a phone and the box, which can be cut: nothing closes then, nothing comes
//! through, and what was sent waits until it is whole again.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[derive(Default)]
struct Air {
    is_cut: AtomicBool,
    is_over: AtomicBool,
}

impl Air {
    /// Waits while it is cut; false = it is over.
    fn carries(&self) -> bool {
        while self.is_cut.load(Ordering::SeqCst) && !self.is_over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        !self.is_over.load(Ordering::SeqCst)
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(n) = from.read(&mut buffer) {
            if n == 0 || !self.carries() || to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}

pub struct Wifi {
    pub port: u16,
    air: Arc<Air>,
}

impl Wifi {
    /// Carries everything to a port of the box.
    pub fn to(box_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("address").port();
        let air = Arc::new(Air::default());
        let of_all = air.clone();
        std::thread::spawn(move || {
            for phone in listener.incoming() {
                let air = of_all.clone();
                let Ok(phone) = phone else { continue };
                if air.is_over.load(Ordering::SeqCst) {
                    return;
                }
                std::thread::spawn(move || {
                    if !air.carries() {
                        return;
                    }
                    let Ok(there) = TcpStream::connect(("127.0.0.1", box_port)) else {
                        return;
                    };
                    let (up, down) = (phone.try_clone(), there.try_clone());
                    let (Ok(up), Ok(down)) = (up, down) else {
                        return;
                    };
                    let back = air.clone();
                    std::thread::spawn(move || back.carry(down, phone));
                    air.carry(up, there);
                });
            }
        });
        Self { port, air }
    }

    pub fn cut(&self) {
        self.air.is_cut.store(true, Ordering::SeqCst);
    }

    pub fn heal(&self) {
        self.air.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Wifi {
    fn drop(&mut self) {
        self.air.is_over.store(true, Ordering::SeqCst);
        // The thread that waits for phones notices it by one more.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
