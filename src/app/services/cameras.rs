//! The village's cameras: a service for each, the ring of recordings, the stills.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::handles::Handles;
use crate::cameras::service::{CameraService, Source};
use crate::cameras::stills::StillService;
use crate::config::{CameraConfig, RecordingConfig};
use crate::domain::id::CameraId;
use crate::live::Live;
use crate::live::faults::Faults;
use crate::store::segments::{RetentionPolicy, Ring};
use crate::supervisor::clock::Trust;
use crate::supervisor::health::HealthPart;
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::{Stop, Supervisor};

/// How often the ring makes space.
const EVICTION_INTERVAL: Duration = Duration::from_secs(10);

/// Starts everything about cameras; gives the ring of recordings and the stills.
pub fn start(
    cameras: &[CameraConfig],
    recording: &RecordingConfig,
    data: &Path,
    handles: &Handles,
) -> (Ring, StillService) {
    let own = recording.folder.clone();
    let folder = own.clone().unwrap_or_else(|| data.join("recordings"));
    let place = RecordingFolder {
        folder: folder.clone(),
        data: data.to_owned(),
        is_configured: own.is_some(),
    };
    let ring = Ring::new(
        &folder,
        RetentionPolicy {
            bytes: recording.keep_gb.saturating_mul(1_000_000_000),
            days: recording.keep_days,
        },
    );
    let connected = start_cameras(cameras, &ring, handles);
    let is_used = !connected.is_empty();
    let stills = StillService::new(
        handles.live.pictures.clone(),
        connected,
        handles.clock().clone(),
    );
    // Also without a camera: earlier recordings are recovered, counted, and deleted when their days
    // are over.
    let recordings = Recordings {
        ring: ring.clone(),
        place,
        is_used,
        live: handles.live.clone(),
        supervisor: handles.supervisor.clone(),
    };
    handles
        .supervisor
        .proving_service(HealthPart::Recordings, recordings, Recordings::run);
    if is_used {
        start_media(
            &stills,
            data.join("gstreamer/registry.bin"),
            &handles.supervisor,
        );
    }
    (ring, stills)
}

/// Starts a service for each camera with an address; gives the ids of these cameras.
fn start_cameras(cameras: &[CameraConfig], ring: &Ring, handles: &Handles) -> Vec<CameraId> {
    let mut connected = Vec::new();
    for config in cameras {
        let id = &config.camera.id;
        let live_camera = handles.live.pictures.get_or_create(id);
        let Some(url) = &config.url else { continue };
        connected.push(id.clone());
        let service = CameraService {
            camera: id.clone(),
            source: Source {
                url: url.clone(),
                user: config.user.clone(),
                password_file: config.password_file.clone(),
            },
            live_camera,
            ring: ring.clone(),
            journal: handles.journal.clone(),
            clock: handles.clock().clone(),
        };
        handles.supervisor.service(
            HealthPart::Camera(id.to_string()),
            service,
            CameraService::run,
        );
    }
    connected
}

/// The service that recovers unfinished recordings and deletes old ones.
#[derive(Clone)]
struct Recordings {
    ring: Ring,
    place: RecordingFolder,
    /// A camera is connected.
    is_used: bool,
    live: Live,
    supervisor: Supervisor,
}

impl Recordings {
    async fn run(self, stop: Stop) -> anyhow::Result<()> {
        // A gateway that never had a camera needs no folder for recordings.
        if !self.is_used && !self.place.folder.exists() {
            self.supervisor.health().set_green(&HealthPart::Recordings);
            stop.soft.cancelled().await;
            return Ok(());
        }
        self.recover().await?;
        let mut tick = tokio::time::interval(EVICTION_INTERVAL);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
            let reason = self.make_space().await?;
            self.supervisor
                .health()
                .set_amber_or_green(&HealthPart::Recordings, reason);
        }
    }

    async fn recover(&self) -> anyhow::Result<()> {
        let (ring, place) = (self.ring.clone(), self.place.clone());
        let mended = tokio::task::spawn_blocking(move || {
            place.check()?;
            ring.load().map_err(|cause| place.unusable(&cause))
        })
        .await??;
        if mended > 0 {
            tracing::info!(n = mended, "unfinished recordings recovered");
        }
        Ok(())
    }

    /// Deletes what the ring holds too much; gives what is wrong with the recordings.
    async fn make_space(&self) -> anyhow::Result<Option<HealthReason>> {
        // A disk that is removed while the gateway runs must not become a folder on the system's
        // storage.
        if let Err(reason) = self.place.check() {
            self.ring.close(Some(closed_text(&reason)));
            return Ok(Some(reason));
        }
        self.ring.close(None);
        let (ring, clock) = (self.ring.clone(), self.supervisor.clock());
        let now = (clock.trust() == Trust::Synced).then(|| clock.wall_ms());
        Ok(
            match tokio::task::spawn_blocking(move || ring.evict(now)).await? {
                Ok(_) => first_not_recording(&self.live).or_else(|| unverified(&self.live)),
                Err(cause) => Some(self.place.unusable(&cause)),
            },
        )
    }
}

/// Starts the media worker and the stills that it decodes.
fn start_media(stills: &StillService, registry: PathBuf, supervisor: &Supervisor) {
    supervisor.service(
        HealthPart::Media,
        (stills.clone(), registry, supervisor.clone()),
        |(stills, registry, supervisor), stop| async move {
            // The registry has a folder of its own. It is written before the media worker starts.
            if let Some(folder) = registry.parent() {
                tokio::fs::create_dir_all(folder).await?;
            }
            stills.run_worker(&registry, supervisor, stop).await
        },
    );
    supervisor.service(HealthPart::Stills, stills.clone(), StillService::run);
}

/// The first camera that is not recorded, and why.
fn first_not_recording(live: &Live) -> Option<HealthReason> {
    live.pictures.all().into_iter().find_map(|(id, p)| {
        Some(p.recording().error)
            .filter(|error| !error.is_empty())
            .map(|error| HealthReason::CameraNotRecorded {
                camera: id.to_string(),
                error,
            })
    })
}

/// The cameras that are recorded but whose recordings may not be viewable, and why: first those
/// that cannot be decoded, last those of which a part is missing.
fn unverified(live: &Live) -> Option<HealthReason> {
    let faults: Vec<(String, Faults)> = live
        .pictures
        .all()
        .into_iter()
        .map(|(id, p)| (id.to_string(), p.faults()))
        .collect();
    let each = |reason: &dyn Fn(String, &Faults) -> Option<HealthReason>| -> Vec<HealthReason> {
        faults
            .iter()
            .filter_map(|(id, f)| reason(id.clone(), f))
            .collect()
    };
    let all = [
        each(&|camera, f| {
            let error = f.undecodable.clone()?;
            Some(HealthReason::CameraUndecodable { camera, error })
        }),
        each(&|camera, f| {
            let error = f.unchecked.clone()?;
            Some(HealthReason::CameraUnchecked { camera, error })
        }),
        each(&|camera, f| {
            let percent = u64::from(f.loss?);
            Some(HealthReason::CameraPacketLoss { camera, percent })
        }),
        each(&|camera, f| {
            let percent = u64::from(f.missed?);
            Some(HealthReason::CameraSlowDisk { camera, percent })
        }),
    ];
    HealthReason::of_all(all.concat())
}

/// Why nothing is recorded, for the log and the list of cameras.
fn closed_text(reason: &HealthReason) -> String {
    match reason {
        HealthReason::RecordingDiskMissing { .. } => "the disk is not mounted".to_owned(),
        HealthReason::RecordingsUnusable { cause, .. } => cause.to_string(),
        other => other.to_string(),
    }
}

/// The folder of the recordings, and whether it is the disk that was configured.
#[derive(Clone)]
struct RecordingFolder {
    folder: PathBuf,
    data: PathBuf,
    is_configured: bool,
}

impl RecordingFolder {
    /// A folder below the data folder is created. A configured one must exist. If it was a disk of
    /// its own before and is none now, the disk is not mounted: filling the system's storage
    /// instead would hide the loss and wear that storage.
    fn check(&self) -> Result<(), HealthReason> {
        let is_missing = self
            .is_disk_missing()
            .map_err(|cause| self.unusable(&cause))?;
        if is_missing {
            return Err(HealthReason::RecordingDiskMissing {
                path: self.folder.display().to_string(),
            });
        }
        Ok(())
    }

    fn is_disk_missing(&self) -> std::io::Result<bool> {
        if !self.is_configured {
            return std::fs::create_dir_all(&self.folder).map(|()| false);
        }
        let apart = std::fs::metadata(&self.folder)?.dev() != std::fs::metadata(&self.data)?.dev();
        let mark = self.data.join("recordings.apart");
        if apart {
            return std::fs::write(&mark, self.folder.display().to_string()).map(|()| false);
        }
        Ok(std::fs::read_to_string(&mark)
            .is_ok_and(|known| known == self.folder.display().to_string()))
    }

    fn unusable(&self, cause: &std::io::Error) -> HealthReason {
        HealthReason::RecordingsUnusable {
            path: self.folder.display().to_string(),
            cause: cause.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::CameraId;

    #[test]
    fn whatever_is_wrong_with_pictures_is_told_camera_by_camera() {
        let live = Live::default();
        let open = |id: &str| live.pictures.get_or_create(&CameraId::new(id).expect("id"));
        let (one, two) = (open("cam-01"), open("cam-02"));
        let (first, second) = ("cam-01".to_owned(), "cam-02".to_owned());
        assert_eq!(unverified(&live), None);
        let unchecked = HealthReason::CameraUnchecked {
            camera: first.clone(),
            error: "install the decoder".to_owned(),
        };
        one.update_faults(|f| f.unchecked = Some("install the decoder".to_owned()));
        assert_eq!(unverified(&live), Some(unchecked.clone()));
        two.update_faults(|f| f.loss = Some(30));
        let lossy = HealthReason::CameraPacketLoss {
            camera: second.clone(),
            percent: 30,
        };
        assert_eq!(
            unverified(&live),
            Some(HealthReason::Several {
                reasons: vec![unchecked, lossy]
            })
        );
        two.update_faults(|f| (f.loss, f.undecodable) = (None, Some("broken".to_owned())));
        one.update_faults(|f| (f.unchecked, f.missed) = (None, Some(46)));
        let undecodable = HealthReason::CameraUndecodable {
            camera: second,
            error: "broken".to_owned(),
        };
        let slow = HealthReason::CameraSlowDisk {
            camera: first,
            percent: 46,
        };
        assert_eq!(
            unverified(&live),
            Some(HealthReason::Several {
                reasons: vec![undecodable, slow]
            })
        );
    }
}
