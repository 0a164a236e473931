// Run for each note that is created: counts its words, and writes the number into its row.
export default async ({ req, res, log }) => {
  const note = req.bodyJson; // the payload of the event is the row
  const words = note.text.split(/\s+/u).filter(Boolean).length;
  const { APPWRITE_FUNCTION_API_ENDPOINT: endpoint, APPWRITE_FUNCTION_PROJECT_ID: project } = process.env;
  const answer = await fetch(`${endpoint}/tablesdb/${note.$databaseId}/tables/${note.$tableId}/rows/${note.$id}`, {
    method: "PATCH",
    headers: {
      "content-type": "application/json",
      "x-appwrite-project": project,
      "x-appwrite-key": req.headers["x-appwrite-key"], // has the scopes of the function, for this execution only
    },
    body: JSON.stringify({ data: { words } }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  log(`${req.headers["x-appwrite-event"]}: ${words} words`);
  return res.empty();
};
