// A link to a notice as Zalo and Facebook see it: open-graph-scraper reads the page, feedsmith both feeds.
// BASE is the portal's address, PUBLIC the base of its links, PAGES a JSON array of {path, title, own}, the newest first.
import http from "node:http";
import ogs from "open-graph-scraper";
import { parseFeed } from "feedsmith";

const { BASE, PUBLIC } = process.env;
let checks = 0;
let failed = 0;

function check(name, expected, came) {
  checks += 1;
  const same = JSON.stringify(came) === JSON.stringify(expected);
  if (!same) failed += 1;
  console.log(same ? `ok ${name}` : `FAILED ${name}: expected ${JSON.stringify(expected)}, came ${JSON.stringify(came)}`);
}

function fetched(path) {
  return new Promise((resolve, reject) => {
    http.get(BASE + path, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => resolve({ status: answer.statusCode, type: answer.headers["content-type"], body: Buffer.concat(pieces) }));
    }).on("error", reject);
  });
}

// Width and height from the head of a JPEG or a PNG.
function size(bytes) {
  if (bytes.readUInt16BE(0) !== 0xffd8) return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  let at = 2;
  for (;;) {
    const mark = bytes.readUInt16BE(at);
    if (mark >= 0xffc0 && mark <= 0xffc2) return [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
    at += 2 + bytes.readUInt16BE(at + 2);
  }
}

for (const page of JSON.parse(process.env.PAGES)) {
  const { body } = await fetched(page.path);
  const { error, result } = await ogs({ html: body.toString("utf8") });
  check(`${page.path}: read`, false, error);
  check(`${page.path}: title`, page.title, result.ogTitle);
  check(`${page.path}: kind`, "article", result.ogType);
  check(`${page.path}: address`, PUBLIC + page.path, result.ogUrl);
  check(`${page.path}: language`, "vi_VN", result.ogLocale);
  check(`${page.path}: words`, true, (result.ogDescription ?? "").length > 0);
  check(`${page.path}: moment`, true, Math.abs(Date.now() - Date.parse(result.articlePublishedTime)) < 86_400_000);
  check(`${page.path}: one picture`, 1, result.ogImage?.length);
  const picture = result.ogImage[0];
  check(`${page.path}: the picture's words`, page.title, picture.alt);
  const there = await fetched(new URL(picture.url).pathname);
  check(`${page.path}: the picture is there`, [200, picture.type], [there.status, there.type]);
  check(`${page.path}: its size is true`, size(there.body), [Number(picture.width), Number(picture.height)]);
  check(`${page.path}: it is the notice's own`, page.own, new URL(picture.url).pathname !== "/card.png");
}

const rss = parseFeed((await fetched("/feed.xml")).body.toString("utf8"));
const json = parseFeed((await fetched("/feed.json")).body.toString("utf8"));
check("RSS and JSON are known as such", ["rss", "json"], [rss.format, json.format]);
const titles = JSON.parse(process.env.PAGES).map((page) => page.title);
check("RSS: titles", titles, rss.feed.items.map((item) => item.title));
check("JSON: titles", titles, json.feed.items.map((item) => item.title));

console.log(`${checks} checks, ${failed} failed`);
process.exit(failed || !checks ? 1 : 0);
