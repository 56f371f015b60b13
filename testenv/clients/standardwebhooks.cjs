// standardwebhooks: reads lines {"secret","header","body"} and writes "verified", or why not.
const { Webhook } = require("standardwebhooks");
require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    try {
      const { secret, header, body } = JSON.parse(line);
      new Webhook(secret).verify(body, header);
      console.log("verified");
    } catch (err) {
      console.log(`refused: ${err.message}`);
    }
  });
