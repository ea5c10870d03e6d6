// A page whose session is over leads to the sign-in page, as nothing on it works any more.
(() => {
  "use strict";
  const usual = window.fetch;
  window.fetch = async (...given) => {
    const answer = await usual(...given);
    if (answer.status === 401 && new URL(answer.url).origin === location.origin) location.reload();
    return answer;
  };
})();
