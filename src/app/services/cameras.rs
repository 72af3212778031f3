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
use crate::supervisor::health::{HealthPart, HealthStatus};
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
        .service(HealthPart::Recordings, recordings, Recordings::run);
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
            let trouble = self.make_space().await?;
            self.supervisor.health().set(
                &HealthPart::Recordings,
                if trouble.is_none() {
                    HealthStatus::Green
                } else {
                    HealthStatus::Amber
                },
                trouble.as_deref().unwrap_or_default(),
            );
        }
    }

    async fn recover(&self) -> anyhow::Result<()> {
        let (ring, place) = (self.ring.clone(), self.place.clone());
        let mended = tokio::task::spawn_blocking(move || place.check().and_then(|()| ring.load()))
            .await?
            .map_err(|e| {
                anyhow::anyhow!(
                    "recordings in {} cannot be read: {e}",
                    self.ring.folder().display()
                )
            })?;
        if mended > 0 {
            tracing::info!(mended, "unfinished recordings recovered");
        }
        Ok(())
    }

    /// Deletes what the ring holds too much; gives what is wrong with the recordings.
    async fn make_space(&self) -> anyhow::Result<Option<String>> {
        // A disk that is removed while the gateway runs must not become a folder on the system's
        // storage.
        if let Err(cause) = self.place.check() {
            self.ring.close(Some(cause.to_string()));
            return Ok(Some(format!("{}: {cause}", self.ring.folder().display())));
        }
        self.ring.close(None);
        let (ring, clock) = (self.ring.clone(), self.supervisor.clock());
        let now = (clock.trust() == Trust::Synced).then(|| clock.wall_ms());
        Ok(
            match tokio::task::spawn_blocking(move || ring.evict(now)).await? {
                Ok(_) => first_not_recording(&self.live).or_else(|| first_unverified(&self.live)),
                Err(cause) => Some(format!("{}: {cause}", self.ring.folder().display())),
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
fn first_not_recording(live: &Live) -> Option<String> {
    live.pictures.all().into_iter().find_map(|(id, p)| {
        Some(p.recording().error)
            .filter(|t| !t.is_empty())
            .map(|why| format!("{id}: {why}"))
    })
}

/// The cameras that are recorded but whose recordings may not be viewable, and why.
fn first_unverified(live: &Live) -> Option<String> {
    let faults: Vec<_> = live
        .pictures
        .all()
        .into_iter()
        .map(|(id, p)| (id, p.faults()))
        .collect();
    let told = |what: &str, why: &dyn Fn(&Faults) -> Option<String>| {
        let all: Vec<String> = faults
            .iter()
            .filter_map(|(id, f)| Some(format!("{id}: {}", why(f)?)))
            .collect();
        (!all.is_empty()).then(|| format!("{what}; {}", all.join("; ")))
    };
    let all = [
        told("pictures are recorded but cannot be decoded", &|f| {
            f.undecodable.clone()
        }),
        told(
            "pictures are recorded and this machine cannot check whether they can be decoded",
            &|f| f.unchecked.clone(),
        ),
        told(
            "packets get lost between the camera and this machine (look at cable, Wi-Fi, bit rate): so much of a minute's pictures is missing or smeared",
            &|f| f.loss.map(|n| format!("{n} %")),
        ),
        told(
            "the disk is too slow for pictures (it may be dying, or busy with other things): so much of a minute is not recorded",
            &|f| f.missed.map(|n| format!("{n} %")),
        ),
    ];
    all.into_iter()
        .flatten()
        .reduce(|a, b| format!("{a} · {b}"))
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
    fn check(&self) -> std::io::Result<()> {
        if !self.is_configured {
            return std::fs::create_dir_all(&self.folder);
        }
        let apart = std::fs::metadata(&self.folder)?.dev() != std::fs::metadata(&self.data)?.dev();
        let mark = self.data.join("recordings.apart");
        if apart {
            std::fs::write(&mark, self.folder.display().to_string())
        } else if std::fs::read_to_string(&mark)
            .is_ok_and(|known| known == self.folder.display().to_string())
        {
            Err(std::io::Error::other(
                "it was a disk of its own and is not any more: is the disk mounted? (If this is meant, remove recordings.apart in the data folder.)",
            ))
        } else {
            Ok(())
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
        assert_eq!(first_unverified(&live), None);
        one.update_faults(|f| f.unchecked = Some("install the decoder".to_owned()));
        two.update_faults(|f| f.loss = Some(30));
        let said = first_unverified(&live).expect("told");
        assert!(
            said.contains("cam-01: install the decoder") && said.contains("cam-02: 30 %"),
            "{said}"
        );
        two.update_faults(|f| (f.loss, f.undecodable) = (None, Some("broken".to_owned())));
        one.update_faults(|f| (f.unchecked, f.missed) = (None, Some(46)));
        assert!(
            first_unverified(&live)
                .expect("told")
                .ends_with("is not recorded; cam-01: 46 %"),
            "{:?}",
            first_unverified(&live)
        );
        one.update_faults(|f| f.missed = None);
        assert_eq!(
            first_unverified(&live).as_deref(),
            Some("pictures are recorded but cannot be decoded; cam-02: broken")
        );
    }
}
