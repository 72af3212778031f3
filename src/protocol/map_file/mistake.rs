//! A mistake in a file with a map, and its place.
//!
//! Deliberately absent: sentences. Pages and commands make them in the reader's language
//! (`i18n::map_text`).

use serde::{Deserialize, Serialize};

use crate::supervisor::reason_enum::reason_enum;

/// A mistake, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapProblem {
    /// Line, from 1.
    pub line: u64,
    /// Column, in characters from 1.
    pub column: u64,
    /// The mistake.
    pub mistake: MapMistake,
}

impl MapProblem {
    /// A mistake of the whole file.
    #[must_use]
    pub const fn at_start(mistake: MapMistake) -> Self {
        Self {
            line: 1,
            column: 1,
            mistake,
        }
    }
}

reason_enum! {
    /// The mistake: it tells as well how it should be.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "is", rename_all = "snake_case")]
    pub enum MapMistake {
        /// The file is too large.
        FileTooLarge {
            /// The most, MiB.
            most_mib: u64,
        } = "map-file-too-large";
        /// It is no UTF-8.
        NotUtf8 = "map-not-utf8";
        /// It is no JSON.
        Syntax = "map-syntax";
        /// It is no `FeatureCollection`.
        NotCollection = "map-not-collection";
        /// Its coordinates are of another system.
        OtherSystem {
            /// The system's name in the file.
            name: String,
        } = "map-other-system";
        /// It is no `Feature` with properties and a geometry.
        NotFeature = "map-not-feature";
        /// The geometry is neither lines nor a point.
        GeometryKind {
            /// Its name in the file.
            found: String,
        } = "map-geometry-kind";
        /// A point does not say what it is.
        WhatUnknown {
            /// Its text.
            text: String,
        } = "map-what-unknown";
        /// A property is missing.
        PropertyMissing {
            /// Its name.
            name: String,
        } = "map-property-missing";
        /// A property is unknown.
        PropertyUnknown {
            /// Its name.
            name: String,
        } = "map-property-unknown";
        /// A property would tell something about a household.
        PropertyPrivate {
            /// Its name.
            name: String,
        } = "map-property-private";
        /// A property stands twice.
        PropertyTwice {
            /// Its name.
            name: String,
        } = "map-property-twice";
        /// The value is no text.
        NotText {
            /// The property.
            name: String,
        } = "map-not-text";
        /// The value is neither yes nor no.
        NotYesNo {
            /// The property.
            name: String,
        } = "map-not-yes-no";
        /// The text is empty, too long, or not on one line.
        TextLong {
            /// The property.
            name: String,
            /// Most characters.
            most: u64,
        } = "map-text-long";
        /// It is no id.
        NotId {
            /// The text.
            text: String,
        } = "map-not-id";
        /// It is no number of a house.
        NotNumber {
            /// The text.
            text: String,
        } = "map-not-number";
        /// It is no kind of road.
        KindUnknown {
            /// The text.
            text: String,
        } = "map-kind-unknown";
        /// It is no day.
        NotDay {
            /// The text.
            text: String,
        } = "map-not-day";
        /// The last day comes before the first.
        DaysReversed = "map-days-reversed";
        /// It is no position.
        NotPosition = "map-not-position";
        /// The position is too far from the village.
        TooFar {
            /// How far it may be, km.
            most_km: u64,
        } = "map-too-far";
        /// Latitude and longitude are exchanged.
        Exchanged = "map-exchanged";
        /// A line has fewer than two points.
        LineShort = "map-line-short";
        /// There is no road, and so no map.
        NoRoads = "map-no-roads";
        /// The id is used twice.
        IdTwice {
            /// The id.
            id: String,
        } = "map-id-twice";
        /// There is no such road.
        RoadUnknown {
            /// Its id.
            id: String,
        } = "map-road-unknown";
        /// A road is a part of itself.
        PartOfItself {
            /// Its id.
            id: String,
        } = "map-part-of-itself";
        /// Two houses of a road have one number.
        NumberTwice {
            /// The number.
            number: String,
            /// The road.
            road: String,
        } = "map-number-twice";
        /// A house or a code is far from its road.
        FarFromRoad {
            /// How far, metres.
            metres: u64,
            /// The road.
            road: String,
        } = "map-far-from-road";
        /// Two places are the village hall.
        HallTwice = "map-hall-twice";
        /// There are too many roads.
        TooManyRoads {
            /// The most.
            most: u64,
        } = "map-too-many-roads";
        /// There are too many houses.
        TooManyHouses {
            /// The most.
            most: u64,
        } = "map-too-many-houses";
        /// There are too many places or codes.
        TooManySites {
            /// The most.
            most: u64,
        } = "map-too-many-sites";
        /// The roads have too many points.
        TooManyPoints {
            /// The most.
            most: u64,
        } = "map-too-many-points";
        /// Roads have too many points beside each other, or cross too often.
        TooDense {
            /// The id of the road with most of them.
            road: String,
        } = "map-too-dense";
    }
}
