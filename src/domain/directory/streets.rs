//! The village's roads as a graph: where they cross, where an alley goes off, where each door is.
//!
//! Invariants: roads are split wherever they cross, and where the end of one comes close to
//! another; each door is a node of the graph, on the nearest point of its own road. So the shortest
//! way between two nodes is the way that people walk. The order of roads, and the direction in
//! which one was drawn, change nothing. Deliberately absent: one-way streets, and paths that nobody
//! drew.

use std::collections::HashMap;

use petgraph::algo::{astar, dijkstra};
use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::visit::EdgeRef as _;

use super::geometry::{Metres, crossing, nearest_on};

/// How far the end of an alley may be from the road of which it is a part, metres: it is drawn from
/// the fence, or to the middle of the road.
const PART_GAP: f64 = 25.0;
/// How far the end of a road may be from another one that it joins, metres.
const END_GAP: f64 = 6.0;

/// Most pairs of segments that come as close to each other as [`PART_GAP`]. The largest village
/// that a map may be has some 100,000, drawn with a point every forty metres.
const MAX_NEAR_PAIRS: usize = 400_000;
/// Most places at which roads may cross.
const MAX_CROSSINGS: usize = 20_000;

/// The roads are drawn so densely that their graph would fill the memory: a track of a phone that
/// lay still, or a scribble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooDense {
    /// The road with most of it.
    pub road: usize,
}

/// A road as the graph needs it.
pub(super) struct RoadShape {
    /// Its lines.
    pub lines: Vec<Vec<Metres>>,
    /// The road of which it is a part.
    pub part_of: Option<usize>,
}

/// A piece of a road between two nodes.
#[derive(Debug, Clone, Copy)]
struct Piece {
    road: usize,
    length: f64,
}

/// The graph.
#[derive(Debug, Clone, Default)]
pub struct StreetGraph {
    graph: UnGraph<Metres, Piece>,
    /// The nodes of doors, in the order in which they were given.
    doors: Vec<Option<NodeIndex>>,
    /// The ends of each road.
    ends: Vec<Vec<NodeIndex>>,
}

/// A way through the graph: its nodes, and the road between each and the next.
pub(super) struct GraphWay {
    /// Where it goes; there is one more than roads.
    pub points: Vec<Metres>,
    /// How many pieces of roads meet at each point.
    pub meeting: Vec<usize>,
    /// The road of each piece.
    pub roads: Vec<usize>,
}

/// A straight piece of a line, with the nodes that lie on it.
struct RoadSegment {
    road: usize,
    line: usize,
    a: Metres,
    b: Metres,
    cuts: Vec<(f64, NodeIndex)>,
}

impl RoadSegment {
    fn length(&self) -> f64 {
        self.b.from(self.a).length()
    }
}

/// The graph while it is built.
struct Builder {
    graph: UnGraph<Metres, Piece>,
    segments: Vec<RoadSegment>,
    /// Nodes by the bits of their place.
    known: HashMap<(u64, u64), NodeIndex>,
}

impl Builder {
    fn node(&mut self, at: Metres) -> NodeIndex {
        let key = (at.x.to_bits(), at.y.to_bits());
        let graph = &mut self.graph;
        *self.known.entry(key).or_insert_with(|| graph.add_node(at))
    }

    fn cut(&mut self, segment: usize, t: f64, node: NodeIndex) {
        self.segments[segment].cuts.push((t, node));
    }

    /// The road that has most of these pairs.
    fn too_dense(&self, pairs: &[(usize, usize)]) -> TooDense {
        let mut count: HashMap<usize, usize> = HashMap::new();
        for (i, _) in pairs {
            *count.entry(self.segments[*i].road).or_default() += 1;
        }
        let most = count.into_iter().max_by_key(|(road, n)| (*n, *road));
        TooDense {
            road: most.map_or(0, |(road, _)| road),
        }
    }

    /// Pairs of segments that are not far from each other: a sweep from west to east.
    fn near_pairs(&self) -> Result<Vec<(usize, usize)>, TooDense> {
        let (west, east) = (
            |s: &RoadSegment| s.a.x.min(s.b.x),
            |s: &RoadSegment| s.a.x.max(s.b.x),
        );
        let (south, north) = (
            |s: &RoadSegment| s.a.y.min(s.b.y),
            |s: &RoadSegment| s.a.y.max(s.b.y),
        );
        let mut order: Vec<usize> = (0..self.segments.len()).collect();
        order.sort_by(|i, j| west(&self.segments[*i]).total_cmp(&west(&self.segments[*j])));
        let mut pairs = Vec::new();
        for (n, i) in order.iter().enumerate() {
            let one = &self.segments[*i];
            for j in &order[n + 1..] {
                let other = &self.segments[*j];
                if west(other) > east(one) + PART_GAP {
                    break;
                }
                if south(other) <= north(one) + PART_GAP && south(one) <= north(other) + PART_GAP {
                    pairs.push((*i, *j));
                }
            }
            if pairs.len() > MAX_NEAR_PAIRS {
                return Err(self.too_dense(&pairs));
            }
        }
        Ok(pairs)
    }

    fn split_at_crossings(&mut self, pairs: &[(usize, usize)]) -> Result<(), TooDense> {
        let mut crossings = Vec::new();
        for (i, j) in pairs {
            let (one, other) = (&self.segments[*i], &self.segments[*j]);
            if let Some((t, u)) = crossing((one.a, one.b), (other.a, other.b)) {
                let at = one.a.plus(one.b.from(one.a).times(t));
                let node = self.node(at);
                self.cut(*i, t, node);
                self.cut(*j, u, node);
                crossings.push((*i, *j));
                if crossings.len() > MAX_CROSSINGS {
                    return Err(self.too_dense(&crossings));
                }
            }
        }
        Ok(())
    }

    /// Joins the ends of lines to the roads that they come close to.
    fn join_ends(
        &mut self,
        roads: &[RoadShape],
        pairs: &[(usize, usize)],
        ends: &[Vec<NodeIndex>],
    ) {
        let mut near: HashMap<usize, Vec<usize>> = HashMap::new();
        for (i, j) in pairs {
            near.entry(*i).or_default().push(*j);
            near.entry(*j).or_default().push(*i);
        }
        // The segments that hold an end, by road.
        for (road, ends) in ends.iter().enumerate() {
            for end in ends {
                let at = self.graph[*end];
                let holders = (0..self.segments.len()).filter(|s| {
                    let segment = &self.segments[*s];
                    segment.road == road && (segment.a == at || segment.b == at)
                });
                let mut best: Option<(f64, usize, f64, Metres)> = None;
                for other in holders.flat_map(|s| near.get(&s).into_iter().flatten()) {
                    let segment = &self.segments[*other];
                    if segment.road == road {
                        continue;
                    }
                    let gap = if roads[road].part_of == Some(segment.road) {
                        PART_GAP
                    } else {
                        END_GAP
                    };
                    let (t, on) = nearest_on(at, segment.a, segment.b);
                    let distance = at.from(on).length();
                    if distance <= gap && best.is_none_or(|(least, ..)| distance < least) {
                        best = Some((distance, *other, t, on));
                    }
                }
                if let Some((distance, other, t, on)) = best {
                    let node = self.node(on);
                    self.cut(other, t, node);
                    if node != *end {
                        let piece = Piece {
                            road,
                            length: distance,
                        };
                        self.graph.add_edge(*end, node, piece);
                    }
                }
            }
        }
    }

    /// The nearest point of these segments, as a node.
    fn attach(&mut self, at: Metres, road: Option<usize>) -> Option<NodeIndex> {
        let mut best: Option<(f64, usize, f64, Metres)> = None;
        for (n, segment) in self.segments.iter().enumerate() {
            if road.is_some_and(|road| road != segment.road) {
                continue;
            }
            let (t, on) = nearest_on(at, segment.a, segment.b);
            let distance = at.from(on).length();
            if best.is_none_or(|(least, ..)| distance < least) {
                best = Some((distance, n, t, on));
            }
        }
        let (_, segment, t, on) = best?;
        let node = self.node(on);
        self.cut(segment, t, node);
        Some(node)
    }

    /// The pieces of each segment between the nodes on it.
    fn lay_pieces(&mut self) {
        for segment in &mut self.segments {
            segment.cuts.sort_by(|(t, _), (u, _)| t.total_cmp(u));
            let length = segment.length();
            for pair in segment.cuts.windows(2) {
                let ((t, a), (u, b)) = (pair[0], pair[1]);
                if a != b {
                    let piece = Piece {
                        road: segment.road,
                        length: (u - t) * length,
                    };
                    self.graph.add_edge(a, b, piece);
                }
            }
        }
    }
}

impl StreetGraph {
    /// The graph of these roads, with a node for each door: where it is, and on which road if that
    /// is known.
    ///
    /// # Errors
    /// The roads are drawn too densely.
    pub(super) fn new(
        roads: &[RoadShape],
        doors: &[(Metres, Option<usize>)],
    ) -> Result<Self, TooDense> {
        let mut builder = Builder {
            graph: UnGraph::default(),
            segments: Vec::new(),
            known: HashMap::new(),
        };
        let mut ends = Vec::new();
        let mut line = 0;
        for (road, shape) in roads.iter().enumerate() {
            let mut of_road = Vec::new();
            for points in &shape.lines {
                line += 1;
                for pair in points.windows(2) {
                    let (a, b) = (pair[0], pair[1]);
                    let cuts = vec![(0.0, builder.node(a)), (1.0, builder.node(b))];
                    builder.segments.push(RoadSegment {
                        road,
                        line,
                        a,
                        b,
                        cuts,
                    });
                }
                let both = [points.first(), points.last()];
                of_road.extend(both.into_iter().flatten().map(|at| builder.node(*at)));
            }
            ends.push(of_road);
        }
        let mut pairs = builder.near_pairs()?;
        builder.join_ends(roads, &pairs, &ends);
        // A line does not cross itself where one segment of it begins behind another.
        pairs.retain(|(i, j)| {
            let (one, other) = (&builder.segments[*i], &builder.segments[*j]);
            one.line != other.line || i.abs_diff(*j) > 1
        });
        builder.split_at_crossings(&pairs)?;
        let doors = doors
            .iter()
            .map(|(at, road)| builder.attach(*at, *road))
            .collect();
        builder.lay_pieces();
        Ok(Self {
            graph: builder.graph,
            doors,
            ends,
        })
    }

    /// The node of a door.
    pub(super) fn door(&self, n: usize) -> Option<NodeIndex> {
        self.doors.get(n).copied().flatten()
    }

    /// The ends of a road.
    pub(super) fn ends(&self, road: usize) -> &[NodeIndex] {
        self.ends.get(road).map_or(&[], Vec::as_slice)
    }

    /// Where a node is.
    pub(super) fn place(&self, node: NodeIndex) -> Metres {
        self.graph.node_weight(node).copied().unwrap_or_default()
    }

    /// How far each node is from this one along the roads; nodes that no road leads to are left
    /// out.
    pub(super) fn lengths(&self, from: NodeIndex) -> HashMap<NodeIndex, f64> {
        #[cfg(test)]
        searches::count();
        dijkstra(&self.graph, from, None, |edge| edge.weight().length)
            .into_iter()
            .collect()
    }

    /// The shortest way; none = the roads do not lead from one to the other.
    pub(super) fn way(&self, from: NodeIndex, to: NodeIndex) -> Option<GraphWay> {
        #[cfg(test)]
        searches::count();
        let goal = self.place(to);
        let (_, nodes) = astar(
            &self.graph,
            from,
            |node| node == to,
            |edge| edge.weight().length,
            |node| self.place(node).from(goal).length() * 0.999,
        )?;
        let roads = nodes.windows(2).map(|pair| {
            let between = self.graph.edges_connecting(pair[0], pair[1]);
            let shortest = between.min_by(|a, b| a.weight().length.total_cmp(&b.weight().length));
            shortest.map_or(0, |edge| edge.weight().road)
        });
        Some(GraphWay {
            roads: roads.collect(),
            points: nodes.iter().map(|node| self.place(*node)).collect(),
            meeting: nodes.iter().map(|n| self.graph.edges(*n).count()).collect(),
        })
    }

    /// Whether a node is joined to another road than this one, within so many metres along it.
    pub(super) fn meets_another(&self, node: NodeIndex, road: usize) -> Option<usize> {
        let mut at = vec![(node, 0.0)];
        let mut seen = vec![node];
        while let Some((here, walked)) = at.pop() {
            for edge in self.graph.edges(here) {
                let piece = edge.weight();
                if piece.road != road {
                    return Some(piece.road);
                }
                let next = if edge.source() == here {
                    edge.target()
                } else {
                    edge.source()
                };
                let far = walked + piece.length;
                if far <= PART_GAP && !seen.contains(&next) {
                    seen.push(next);
                    at.push((next, far));
                }
            }
        }
        None
    }
}

/// How many searches of the graph this thread did, for tests of what a page costs.
#[cfg(test)]
pub(crate) mod searches {
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        COUNT.set(COUNT.get() + 1);
    }

    /// So many so far.
    pub(crate) fn so_far() -> usize {
        COUNT.get()
    }
}
