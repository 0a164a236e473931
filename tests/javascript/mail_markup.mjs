// Pages as a browser reads them: tells of which the second has other elements or attributes than the first.
import { existsSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage();
const pairs = JSON.parse(readFileSync(process.argv[2], "utf8"));
const different = await page.evaluate((pairs) => {
  const outline = (html) => {
    const parts = [], addresses = [];
    const walk = (node) => {
      for (const child of node.childNodes) {
        if (child.nodeType === Node.COMMENT_NODE) parts.push("!--");
        if (child.nodeType !== Node.ELEMENT_NODE) continue;
        parts.push(`<${child.nodeName} ${[...child.attributes].map(({ name }) => name)}>`);
        for (const { name, value } of child.attributes) {
          if (["href", "src", "xlink:href"].includes(name)) addresses.push(value);
        }
        walk(child);
        if (child.content) walk(child.content);
        parts.push("/");
      }
    };
    walk(new DOMParser().parseFromString(html, "text/html"));
    return [parts.join(""), addresses.some((each) => /^[\x00-\x20]*(javascript|data|vbscript):/i.test(each))];
  };
  return pairs.filter(([harmless, hostile]) => {
    const [outlined, [other, acts]] = [outline(harmless)[0], outline(hostile)];
    return outlined !== other || acts;
  });
}, pairs);
await browser.close();
console.log(JSON.stringify(different));
