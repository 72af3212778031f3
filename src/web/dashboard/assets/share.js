// Hands a notice to the phone's share sheet (Zalo is one of its doors): text, address, picture; and a sheet to print, as a file.
// Without this script, or on a phone without a share sheet, the text stands there to be copied, and the file can be opened.
'use strict';
(() => {
  document.querySelectorAll('[data-send]').forEach((button) => {
    const name = button.dataset.name, type = 'application/pdf';
    if (!navigator.canShare || !navigator.canShare({ files: [new File([], name, { type })] })) return;
    button.parentElement.hidden = false;
    let file;
    button.addEventListener('click', async () => {
      try {
        if (!file) {
          const answer = await fetch(button.dataset.send);
          if (!answer.ok) throw new Error(answer.status);
          file = new File([await answer.blob()], name, { type });
        }
        await navigator.share({ files: [file] });
      } catch (why) {
        // The file took too long for this tap: it is here for the next one. Whatever else failed, the file can be opened.
        if (why.name !== 'AbortError' && why.name !== 'NotAllowedError') location.href = button.dataset.send;
      }
    });
  });
  const part = document.getElementById('share');
  const text = document.getElementById('share-text');
  if (!part || !text) return;
  const share = document.getElementById('share-now');
  const copy = document.getElementById('share-copy');
  const show = (button) => { button.parentElement.hidden = false; };

  const picture = async () => {
    if (!part.dataset.picture) return [];
    const answer = await fetch(part.dataset.picture);
    if (!answer.ok) return [];
    const file = new File([await answer.blob()], 'thong-bao.jpg', { type: 'image/jpeg' });
    return navigator.canShare && navigator.canShare({ files: [file] }) ? [file] : [];
  };

  if (navigator.share) {
    show(share);
    // A share must begin in the moment of the tap: the picture is fetched before.
    let files = [];
    picture().then((found) => { files = found; }).catch(() => {});
    share.addEventListener('click', async () => {
      const what = { title: part.dataset.title, text: text.value };
      try {
        await navigator.share(files.length ? { ...what, files } : what);
      } catch (why) {
        if (why.name !== 'AbortError') text.focus();
      }
    });
  }

  show(copy);
  copy.addEventListener('click', async () => {
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      document.execCommand('copy');
    }
    copy.textContent = copy.dataset.done;
  });
})();
