// The names that package.json contributes and the code refers to: debug type, view, commands, tools, context keys, settings.
// Must not import anything; a unit test compares it with package.json.

export const debugType = 'rollpoint';
export const viewId = 'rollpoint.snapshots';

export const commandIds = {
  /** From the palette: asks for a name. With a string argument: takes it as the name and asks nothing. */
  takeSnapshot: 'rollpoint.takeSnapshot',
  /** From the buttons: asks nothing. */
  takeSnapshotNow: 'rollpoint.takeSnapshotNow',
  restoreSnapshot: 'rollpoint.restoreSnapshot',
  renameSnapshot: 'rollpoint.renameSnapshot',
  pinSnapshot: 'rollpoint.pinSnapshot',
  unpinSnapshot: 'rollpoint.unpinSnapshot',
  deleteSnapshot: 'rollpoint.deleteSnapshot',
  deleteAllSnapshots: 'rollpoint.deleteAllSnapshots',
  /** Shows a snapshot in place of the present; where the program runs, its place in the editor. */
  viewSnapshot: 'rollpoint.viewSnapshot',
  returnToPresent: 'rollpoint.returnToPresent',
  /** Restores the snapshot that is on screen. */
  goOnFromHere: 'rollpoint.goOnFromHere',
  previousSnapshot: 'rollpoint.previousSnapshot',
  nextSnapshot: 'rollpoint.nextSnapshot',
  /** Of a variable, a watch, or an expression given as a string. */
  showHistory: 'rollpoint.showHistory',
  closeHistory: 'rollpoint.closeHistory',
  findChange: 'rollpoint.findChange',
  /** Asks for both moments. */
  compareSnapshots: 'rollpoint.compareSnapshots',
  compareWithPresent: 'rollpoint.compareWithPresent',
  selectForCompare: 'rollpoint.selectForCompare',
  /** The present, where no snapshot is given. */
  compareWithSelected: 'rollpoint.compareWithSelected',
  /** Of the memory that a comparison on screen tells of. */
  showBytes: 'rollpoint.showBytes',
  /** Restores a snapshot with other values, and lets the program run. Asks for what code does not give: id, values as typed, `until`. */
  branchWith: 'rollpoint.branchWith',
  zoomIn: 'rollpoint.zoomTimelineIn',
  zoomOut: 'rollpoint.zoomTimelineOut',
  resetZoom: 'rollpoint.resetTimelineZoom',
  pickProcess: 'rollpoint.pickProcess',
  /** Of the walkthrough: says whether gdb is there, and what to do where it is not. */
  checkGdb: 'rollpoint.checkGdb',
  /** Asks where to, unless a folder is given; gives the folder of the copy. */
  openSample: 'rollpoint.openSample',
} as const;

/** Tools for a language model. */
export const toolNames = {
  listSnapshots: 'rollpoint_listSnapshots',
  readValue: 'rollpoint_readValue',
  valueHistory: 'rollpoint_valueHistory',
  findChange: 'rollpoint_findChange',
  compareSnapshots: 'rollpoint_compareSnapshots',
  restoreSnapshot: 'rollpoint_restoreSnapshot',
} as const;

export const contextKeys = {
  /** A session of ours exists. */
  active: 'rollpoint.active',
  /** The program of the session that the view shows is stopped. */
  stopped: 'rollpoint.stopped',
  /** The view shows at least one snapshot. */
  hasSnapshots: 'rollpoint.hasSnapshots',
  /** The user has asked whether gdb is there, and it is. */
  gdbFound: 'rollpoint.gdbFound',
  /** The program has gone back to a snapshot, in this session or one before. */
  wentBack: 'rollpoint.wentBack',
  /** A search has found where a value changed. */
  foundChange: 'rollpoint.foundChange',
  /** A snapshot is on screen in place of the present. */
  viewing: 'rollpoint.viewing',
  /** A snapshot of the session that the view shows is selected for compare. */
  selectedForCompare: 'rollpoint.selectedForCompare',
} as const;

export const settingsSection = 'rollpoint';
