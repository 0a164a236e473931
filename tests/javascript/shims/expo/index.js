// Nothing of it is used: files are not uploaded by the React Native SDK here.
