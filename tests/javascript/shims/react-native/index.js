// The part of React Native that the SDK's realtime uses: on which platform it runs.
exports.Platform = { OS: process.env.PLATFORM ?? "ios" };
